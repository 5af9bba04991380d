import type { Cache, Value } from '@freshet/cache'
import type { Clock } from '@freshet/kit'
import type { Id } from '@freshet/protocol'
import { TIMER_ENDED } from './deadline.ts'
import type { Filler, FillTicket } from './filler.ts'
import type { Watermark } from './watermark.ts'

export interface RefresherParts<V extends Value> {
  readonly cache: Cache<V>
  readonly filler: Filler<V>
  readonly watermark: Watermark
  readonly clock: Clock
  readonly maxQueued: number
  /** The longest wait for one batch. What is not read by then is read at its next request. */
  readonly withinMs: number
}

interface Queued {
  readonly collection: string
  readonly id: Id
}

/** Few enough that the reads of requests never wait for memory or for a permit because of one batch. */
const BATCH_SIZE = 50

/**
 * Reads documents again that were in use when another program changed them in place, since the feed does not have their new
 * state. One batch at a time: while it runs, the next one collects. Requests for a queued document do not wait for its turn.
 */
export class Refresher<V extends Value> {
  readonly #parts: RefresherParts<V>
  readonly #queue = new Map<string, Queued>()
  #running = false
  #batch: AbortController | undefined
  #refreshes = 0

  constructor(parts: RefresherParts<V>) {
    this.#parts = parts
  }

  /** Documents read again. */
  get refreshes(): number {
    return this.#refreshes
  }

  /** The document was in use and has just been invalidated. Dropped when the queue is full. */
  add(collection: string, id: Id): void {
    if (this.#queue.size >= this.#parts.maxQueued) return
    this.#queue.set(`${collection}/${id}`, { collection, id })
    if (this.#running) return
    this.#running = true
    void this.#run()
  }

  /** Forgets what is queued and waits for nothing any more. */
  clear(): void {
    this.#queue.clear()
    this.#batch?.abort(TIMER_ENDED)
  }

  async #run(): Promise<void> {
    // After the batch of changes that is being applied.
    await Promise.resolve()
    while (this.#queue.size > 0 && this.#parts.watermark.serving) await this.#refresh(this.#take())
    this.#running = false
  }

  #take(): ReadonlyMap<string, Queued> {
    const taken = new Map<string, Queued>()
    for (const [key, queued] of this.#queue) {
      this.#queue.delete(key)
      // A request may have been faster.
      if (!this.#parts.cache.has(key)) taken.set(key, queued)
      if (taken.size === BATCH_SIZE) break
    }
    return taken
  }

  async #refresh(batch: ReadonlyMap<string, Queued>): Promise<void> {
    const { filler, watermark, clock, withinMs } = this.#parts
    const done = (this.#batch = new AbortController())
    const tickets = new Map(
      [...batch].map(([key, { collection, id }]) => [key, filler.fill(collection, id, watermark.at)]),
    )
    const filled = Promise.all([...tickets].map(([key, ticket]) => this.#mark(key, ticket)))
    await Promise.race([filled, clock.sleep(withinMs, done.signal)])
    done.abort(TIMER_ENDED)
    for (const { cancel } of tickets.values()) cancel()
  }

  async #mark(key: string, { result, joined }: FillTicket<V>): Promise<void> {
    const { kind } = await result
    // If it was joined, a request asked for it.
    if (kind !== 'installed' || joined) return
    this.#refreshes += 1
    this.#parts.cache.markRefreshed(key)
  }
}
