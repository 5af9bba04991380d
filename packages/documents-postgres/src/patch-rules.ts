import { BodyError, type PatchRules } from '@freshet/documents'
import { valueOf, type JsonNode } from './json-tree.ts'

/** The largest document. PostgreSQL allows 1 GB, but readers return at most 16 MiB. */
export const maxDocumentBytes = 16 * 1024 * 1024

/** Twice the largest document. A thousand operations that each copy a whole document would take a minute. */
const maxPatchWorkBytes = 2 * maxDocumentBytes

/** A patch may contain the id but not change it. @throws {BodyError} id-mismatch */
export function expectSameId(node: JsonNode, { id }: PatchRules): void {
  const given = valueOf(node)
  if (given !== id)
    throw new BodyError(
      'id-mismatch',
      '/id',
      `expected ${JSON.stringify(id)} or no id, got ${JSON.stringify(given)}`,
    )
}

/** The bytes of a patched document. @throws {BodyError} payload-too-large */
export function sizedBytes(text: string): Buffer {
  const bytes = Buffer.from(text)
  if (bytes.length > maxDocumentBytes)
    throw new BodyError(
      'payload-too-large',
      '',
      `expected at most ${maxDocumentBytes} bytes after the patch, got ${bytes.length}`,
    )
  return bytes
}

/** Budget for what the operations of one patch may read or copy. */
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
