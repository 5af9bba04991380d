import { CoalescedCall, type Clock } from '@freshet/kit'
import { reasonAgainst } from '@freshet/mongodb-rules'
import { MongoServerError } from 'mongodb'
import type { Acknowledged } from '../contract.ts'
import { StoreError } from '../errors.ts'
import { databaseOf } from './client.ts'
import type { DatabaseConnection } from './connection.ts'
import { mayBeOfKind, storeErrorOf } from './driver-errors.ts'

/** Writes that are taken tell nothing of what the collection is: while there are any, it is looked at this often. */
const LOOK_EVERY_MS = 5_000

/** Why readers cannot follow a collection, as it is now; `undefined`: they can. */
type Look = (collection: string) => Promise<string | undefined>

/** What was seen of one collection. */
interface Seen {
  readonly looks: CoalescedCall<string | undefined>
  /** Nothing yet, or what the last look found. */
  last: { readonly reason: string | undefined } | undefined
  /** When the last look began. */
  lookedMs: number
}

/**
 * Refuses writes where readers refuse to read. A collection is looked at before its first write, now and then while it
 * is written, and when a write found nothing or was refused for a reason that may also be this one. One look at a
 * collection is under way at a time.
 */
export class CollectionChecks {
  readonly #look: Look
  readonly #clock: Clock
  readonly #seen = new Map<string, Seen>()

  constructor(look: Look, clock: Clock) {
    this.#look = look
    this.#clock = clock
  }

  /** Runs a write of the collection. @throws {StoreError} NOT_EXACT; beside that it rejects as the look or `write` does. */
  async around<T extends Acknowledged & { readonly outcome?: string }>(
    collection: string,
    write: () => Promise<T>,
  ): Promise<T> {
    const seen = this.#of(collection)
    // Unknown, or something that may be mended.
    if (seen.last === undefined || seen.last.reason !== undefined) expectNone(await seen.looks.run())
    // Nobody waits for this one, and what it finds is for the writes to come. If it fails, the next one is tried then.
    else if (this.#clock.now() - seen.lookedMs >= LOOK_EVERY_MS) seen.looks.run().catch(() => undefined)
    try {
      const done = await write()
      // What finds nothing may do so because of what the collection is. After `unsure` more is to come.
      if (!done.wrote && done.outcome !== 'unsure') await lookNow(seen)
      return done
    } catch (error) {
      if (mayBeOfKind(error)) await lookNow(seen, error)
      throw error
    }
  }

  #of(collection: string): Seen {
    const known = this.#seen.get(collection)
    if (known) return known
    const seen: Seen = {
      looks: new CoalescedCall(async () => {
        seen.lookedMs = this.#clock.now()
        const reason = await this.#look(collection)
        seen.last = { reason }
        return reason
      }),
      last: undefined,
      lookedMs: -Infinity,
    }
    this.#seen.set(collection, seen)
    return seen
  }
}

/** Leaves things as they are when the look fails: the write has its outcome. @throws {StoreError} NOT_EXACT */
async function lookNow({ looks }: Seen, cause?: unknown): Promise<void> {
  expectNone(await looks.run().catch(() => undefined), cause)
}

function expectNone(reason: string | undefined, cause?: unknown): void {
  if (reason !== undefined) throw new StoreError('NOT_EXACT', reason, { cause })
}

/**
 * Looks at what the definition of a collection says. `undefined` also when the server will not say, as while it becomes
 * a secondary: then it refuses the write as well, or nobody gave the writer its role. Rejects with UNREACHABLE.
 */
export function followableBy(connection: Pick<DatabaseConnection, 'writes'>, database: string): Look {
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
