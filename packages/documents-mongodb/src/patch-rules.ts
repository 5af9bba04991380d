import type { BsonNode } from './tree.ts'
import { BodyError, type PatchRules } from '@freshet/documents'
import { encodeValue } from './encode-value.ts'

/** The most that MongoDB stores as one document: https://www.mongodb.com/docs/manual/reference/limits/ */
export const maxDocumentBytes = 16 * 1024 * 1024

/** A patch may name the id, but not change it. @throws {BodyError} id-mismatch */
export function idNode(node: BsonNode, { id }: PatchRules): void {
  const given = encodeValue(node)
  if (given !== id)
    throw new BodyError(
      'id-mismatch',
      '/id',
      `expected ${JSON.stringify(id)} or nothing, got ${JSON.stringify(given)}`,
    )
}

/** Costs nothing: nodes know their size. @throws {BodyError} payload-too-large */
export function expectSize({ byteLength }: BsonNode): void {
  if (byteLength > maxDocumentBytes)
    throw new BodyError(
      'payload-too-large',
      '',
      `expected at most ${maxDocumentBytes} bytes after the patch, got ${byteLength}`,
    )
}

/** Twice the largest document: a thousand operations that each copy all of it would take a minute. */
const maxWorkBytes = 2 * maxDocumentBytes

/** The bytes that the operations of one patch may look at or copy, together. */
export class PatchWork {
  #bytes = 0

  /** @throws {BodyError} bad-patch, at the operation that is one too many. */
  spend(bytes: number, pointer: string): void {
    this.#bytes += bytes
    if (this.#bytes > maxWorkBytes)
      throw new BodyError(
        'bad-patch',
        pointer,
        `expected to copy, replace and move deeper at most ${maxWorkBytes} bytes in one patch`,
      )
  }
}
