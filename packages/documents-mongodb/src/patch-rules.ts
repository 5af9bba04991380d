import type { BsonNode } from './tree.ts'
import { BodyError, type PatchRules } from '@freshet/documents'
import { encodeValue } from './encode-json.ts'

/** The size limit of a stored document: https://www.mongodb.com/docs/manual/reference/limits/ */
export const maxDocumentBytes = 16 * 1024 * 1024

/** A patch may contain the id but not change it. @throws {BodyError} id-mismatch */
export function expectSameId(node: BsonNode, { id }: PatchRules): void {
  const given = encodeValue(node)
  if (given !== id)
    throw new BodyError(
      'id-mismatch',
      '/id',
      `expected ${JSON.stringify(id)} or no id, got ${JSON.stringify(given)}`,
    )
}

/** Constant time: nodes know their size. @throws {BodyError} payload-too-large */
export function expectSize({ byteLength }: BsonNode): void {
  if (byteLength > maxDocumentBytes)
    throw new BodyError(
      'payload-too-large',
      '',
      `expected at most ${maxDocumentBytes} bytes after the patch, got ${byteLength}`,
    )
}

/** Twice the largest document. A thousand operations that each copy a whole document would take a minute. */
const maxPatchWorkBytes = 2 * maxDocumentBytes

/** Budget for the bytes that the operations of one patch may read or copy. */
export class PatchBudget {
  #bytes = 0

  /** @throws {BodyError} bad-patch at the operation that exceeds the budget. */
  spend(bytes: number, pointer: string): void {
    this.#bytes += bytes
    if (this.#bytes > maxPatchWorkBytes)
      throw new BodyError(
        'bad-patch',
        pointer,
        `expected a patch to copy, replace and move deeper at most ${maxPatchWorkBytes} bytes in total`,
      )
  }
}
