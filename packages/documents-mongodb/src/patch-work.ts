import { BodyError } from '@freshet/documents'
import { maxDocumentBytes } from './patch-rules.ts'

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
