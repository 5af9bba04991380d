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
