import { CoalescedCall, type Clock } from '@freshet/kit'
import { reasonAgainst } from '@freshet/mongodb-rules'
import { MongoServerError } from 'mongodb'
import type { Acknowledged } from '../contract.ts'
import { StoreError } from '../errors.ts'
import { databaseOf, type DatabaseConnection } from './connection.ts'
import { mayBeOfKind, storeErrorOf } from './driver-errors.ts'

/** Successful writes say nothing about the collection's kind, so it is checked at this interval while written. */
const CHECK_INTERVAL_MS = 5_000

/** Why readers cannot follow a collection in its current form; `undefined` if they can. */
type Check = (collection: string) => Promise<string | undefined>

/** State of one collection. */
interface CheckState {
  readonly checks: CoalescedCall<string | undefined>
  /** The result of the last check, if any. */
  last: { readonly reason: string | undefined } | undefined
  /** When the last check began. */
  checkedMs: number
}

/**
 * Rejects writes to collections that readers reject. A collection is checked before its first write, periodically while
 * it is written, and when a write found nothing or failed in a way that its kind may explain. At most one check per
 * collection runs at a time.
 */
export class CollectionChecks {
  readonly #check: Check
  readonly #clock: Clock
  readonly #states = new Map<string, CheckState>()

  constructor(check: Check, clock: Clock) {
    this.#check = check
    this.#clock = clock
  }

  /** Runs a write of the collection. @throws {StoreError} NOT_EXACT; also whatever the check or `write` throws. */
  async around<T extends Acknowledged & { readonly outcome?: string }>(
    collection: string,
    write: () => Promise<T>,
  ): Promise<T> {
    const state = this.#of(collection)
    // Unknown, or possibly fixed since.
    if (state.last === undefined || state.last.reason !== undefined) expectNone(await state.checks.run())
    // In the background, for the writes that follow. If it fails, the next write retries it.
    else if (this.#clock.now() - state.checkedMs >= CHECK_INTERVAL_MS)
      state.checks.run().catch(() => undefined)
    try {
      const done = await write()
      // A write may find nothing because of the collection's kind. After `unsure` another write follows.
      if (!done.wrote && done.outcome !== 'unsure') await recheck(state)
      return done
    } catch (error) {
      if (mayBeOfKind(error)) await recheck(state, error)
      throw error
    }
  }

  #of(collection: string): CheckState {
    const known = this.#states.get(collection)
    if (known) return known
    const state: CheckState = {
      checks: new CoalescedCall(async () => {
        state.checkedMs = this.#clock.now()
        const reason = await this.#check(collection)
        state.last = { reason }
        return reason
      }),
      last: undefined,
      checkedMs: -Infinity,
    }
    this.#states.set(collection, state)
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

/**
 * Reads the collection's definition. Also `undefined` if the server refuses, for example while it becomes a secondary:
 * it then refuses the write as well, or the role is missing. Rejects with UNREACHABLE.
 */
export function followableBy(connection: Pick<DatabaseConnection, 'writes'>, database: string): Check {
  return async (collection) => {
    try {
      const db = databaseOf(connection.writes, database)
      const { cursor } = await db.command({ listCollections: 1, filter: { name: collection } })
      return reasonAgainst(cursor.firstBatch[0])
    } catch (error) {
      if (error instanceof MongoServerError) return undefined
      throw storeErrorOf(error, 'transaction')
    }
  }
}
