import { CoalescedCall, type Clock, type Log } from '@freshet/kit'
import type { StoredCollection } from '@freshet/protocol'
import type { Acknowledged } from './contract.ts'
import { StoreError } from './errors.ts'

/** Successful writes say nothing about the collection's kind, so it is checked at this interval while written. */
const CHECK_INTERVAL_MS = 5_000

/** Why readers cannot follow a collection in its current form; `undefined` if they can. */
export type Check = (collection: StoredCollection) => Promise<string | undefined>

/** State of one collection. */
interface CheckState {
  readonly checks: CoalescedCall<string | undefined>
  /** The result of the last check, if any. */
  last: { readonly reason: string | undefined } | undefined
  /** When the last check began. */
  checkedMs: number
}

export interface CollectionChecksParts {
  readonly check: Check
  /** Whether the kind of the collection may be the cause of an error that does not say so. */
  readonly mayExplain: (error: unknown) => boolean
  readonly clock: Clock
  /** Gets the reason for each refused collection, which clients do not get. */
  readonly log: Log
}

/**
 * Rejects writes to collections that readers reject. A collection is checked before its first write, periodically while
 * it is written, and when a write found nothing or failed in a way that its kind may explain. At most one check per
 * collection runs at a time.
 */
export class CollectionChecks {
  readonly #parts: CollectionChecksParts
  readonly #states = new Map<string, CheckState>()

  constructor(parts: CollectionChecksParts) {
    this.#parts = parts
  }

  /** Runs a write of the collection. @throws {StoreError} NOT_EXACT; also whatever the check or `write` throws. */
  async around<T extends Acknowledged & { readonly outcome?: string }>(
    collection: StoredCollection,
    write: () => Promise<T>,
  ): Promise<T> {
    const state = this.#of(collection)
    // Unknown, or possibly fixed since.
    if (state.last === undefined || state.last.reason !== undefined) expectNone(await state.checks.run())
    // In the background, for the writes that follow. If it fails, the next write retries it.
    else if (this.#parts.clock.now() - state.checkedMs >= CHECK_INTERVAL_MS)
      state.checks.run().catch(() => undefined)
    try {
      const done = await write()
      // A write may find nothing because of the collection's kind. After `unsure` another write follows.
      if (!done.wrote && done.outcome !== 'unsure') await recheck(state)
      return done
    } catch (error) {
      if (this.#parts.mayExplain(error)) await recheck(state, error)
      throw error
    }
  }

  #of(collection: StoredCollection): CheckState {
    const known = this.#states.get(collection.stored)
    if (known) return known
    const state: CheckState = {
      checks: new CoalescedCall(async () => {
        state.checkedMs = this.#parts.clock.now()
        const reason = await this.#parts.check(collection)
        if (reason !== undefined && reason !== state.last?.reason)
          this.#parts.log.error(
            { collection: collection.stored, reason },
            'the collection cannot be served exactly, and writes to it are refused',
          )
        state.last = { reason }
        return reason
      }),
      last: undefined,
      checkedMs: -Infinity,
    }
    this.#states.set(collection.stored, state)
    return state
  }
}

/** Ignores a failing check: the write already has its outcome. @throws {StoreError} NOT_EXACT */
async function recheck({ checks }: CheckState, cause?: unknown): Promise<void> {
  expectNone(await checks.run().catch(() => undefined), cause)
}

function expectNone(reason: string | undefined, cause?: unknown): void {
  if (reason !== undefined) throw new StoreError('NOT_EXACT', reason, { cause })
}
