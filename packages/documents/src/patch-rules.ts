import type { PatchRules } from './codec.ts'
import type { JsonValue } from './contract.ts'
import { BodyError } from './errors.ts'

/** A patch may contain the id but not change it. @throws {BodyError} id-mismatch */
export function expectSameId(given: JsonValue, { id }: PatchRules): void {
  if (given !== id)
    throw new BodyError(
      'id-mismatch',
      '/id',
      `expected ${JSON.stringify(id)} or no id, got ${JSON.stringify(given)}`,
    )
}

/** Twice the largest document. A thousand operations that each copy a whole document would take a minute. */
const maxPatchWorkBytes = 32 * 1024 * 1024

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
