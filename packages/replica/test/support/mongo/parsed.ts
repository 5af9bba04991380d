import { deserialize, type Document } from 'bson'
import type { Encoder } from '../../../src/contract.ts'

/** A document as tests inspect it. */
export interface Parsed {
  readonly document: Document
  readonly bytes: number
}

/** Keeps documents as objects. */
export const asParsed: Encoder<Parsed> = {
  encode: (bytes) => ({ document: deserialize(bytes), bytes: bytes.length * 4 }),
  sizeOf: ({ bytes }) => bytes,
}
