import { SharedNext, type Clock } from '@freshet/kit'

/** Writes that are taken tell nothing of what the collection is: while there are any, it is looked at this often. */
const LOOK_EVERY_MS = 5_000

/** What was seen of one collection. */
interface Seen {
  readonly looks: SharedNext<string | undefined>
  /** Nothing yet, or why readers cannot follow it; `undefined`: they can. */
  last: { readonly reason: string | undefined } | undefined
  /** When the last look began. */
  lookedMs: number
}

/** What collections are, as a look at their definitions tells. One look at a collection is under way at a time. */
export class CollectionKinds {
  readonly #look: (collection: string) => Promise<string | undefined>
  readonly #clock: Clock
  readonly #seen = new Map<string, Seen>()

  /** `look`: why readers cannot follow the collection, as it is now. */
  constructor(look: (collection: string) => Promise<string | undefined>, clock: Clock) {
    this.#look = look
    this.#clock = clock
  }

  /**
   * To be waited for before a write, with the reason that speaks against it: where nothing was seen yet, or something
   * that may be mended. `undefined`: the collection was fine when it was last seen. Rejects as the look does.
   */
  before(collection: string): Promise<string | undefined> | undefined {
    const seen = this.#of(collection)
    if (seen.last === undefined || seen.last.reason !== undefined) return this.now(collection)
    // Nobody waits for this one, and what it finds is for the writes to come. If it fails, the next one is tried then.
    if (this.#clock.now() - seen.lookedMs >= LOOK_EVERY_MS) this.now(collection).catch(() => undefined)
    return undefined
  }

  /** Why readers cannot follow the collection, as it is now. Rejects as the look does. */
  now(collection: string): Promise<string | undefined> {
    return this.#of(collection).looks.ask()
  }

  #of(collection: string): Seen {
    const known = this.#seen.get(collection)
    if (known) return known
    const seen: Seen = {
      looks: new SharedNext(async () => {
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
