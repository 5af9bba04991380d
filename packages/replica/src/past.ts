import { ChangeStreamError, type PastReads } from '@freshet/change-stream'
import type { Clock, Log } from '@freshet/kit'
import type { Bytes, Id, Position } from '@freshet/protocol'
import { deferred } from './deferred.ts'
import { ReplicaError } from './errors.ts'
import { Gate } from './gate.ts'

/** The most ids of one read: above that a `find` by `_id` gets slower than two of them. */
export const MAX_IDS_PER_READ = 150

/** What a read of the past came to. */
export type PastResult =
  | { readonly kind: 'exact'; readonly documents: ReadonlyMap<Id, Bytes> }
  | { readonly kind: 'unproved'; readonly until: Position }
  /** It may work later; `byPosition`: at a newer position, perhaps at once. */
  | { readonly kind: 'unavailable'; readonly byPosition: boolean }
  /** It will not work again by itself. */
  | { readonly kind: 'refused'; readonly error: ReplicaError }

/** Reads of the past: bounded in number and time, and failures made into words. */
export class Past {
  readonly #reads: PastReads
  readonly #gate: Gate
  readonly #clock: Clock
  readonly #log: Log
  readonly #readMs: number
  readonly #running = new Set<AbortController>()

  constructor(parts: {
    readonly reads: PastReads
    readonly places: number
    readonly readMs: number
    readonly clock: Clock
    readonly log: Log
  }) {
    this.#reads = parts.reads
    this.#gate = new Gate(parts.places)
    this.#readMs = parts.readMs
    this.#clock = parts.clock
    this.#log = parts.log
  }

  /**
   * Waits for a free place, then runs `job`, which must not reject: its first turn is the one in which reads must be
   * stamped and sent. Returns how to leave the line before.
   */
  inTurn(job: () => Promise<void>): () => void {
    return this.#gate.enter(job)
  }

  /** Never rejects. */
  async at(position: Position, collection: string, ids: readonly Id[]): Promise<PastResult> {
    try {
      return await this.#bounded((signal) => this.#reads.at(position, collection, ids, signal))
    } catch (error) {
      const code = error instanceof ChangeStreamError ? error.code : undefined
      if (code !== 'DENIED') {
        this.#log.debug(
          { collection, position, err: error },
          'a read of the past failed, it is sent again while somebody waits',
        )
        return { kind: 'unavailable', byPosition: code === 'PAST_UNAVAILABLE' }
      }
      this.#log.error({ collection, err: error }, 'the database refuses reads of this collection')
      const message = `the database refused to read '${collection}'`
      return { kind: 'refused', error: new ReplicaError('UNAVAILABLE', message, { cause: error }) }
    }
  }

  /** The position of one majority read that is sent now. @throws what the source throws. */
  now(): Promise<Position> {
    return this.#bounded((signal) => this.#reads.now(signal))
  }

  /** @throws what the source throws. */
  check(collections: readonly string[]): Promise<ReadonlyMap<string, string | undefined>> {
    return this.#bounded((signal) => this.#reads.check(collections, signal))
  }

  /** Gives up all reads that are under way. */
  stop(): void {
    for (const giveUp of this.#running) giveUp.abort()
  }

  async #bounded<T>(read: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const giveUp = new AbortController()
    const timer = new AbortController()
    this.#running.add(giveUp)
    const late = deferred<'late'>()
    void this.#clock.sleep(this.#readMs, timer.signal).then(() => late.resolve('late'))
    try {
      const first = await Promise.race([read(giveUp.signal).then((result) => ({ result })), late.promise])
      if (first !== 'late') return first.result
      giveUp.abort()
      throw new Error(`no answer from the source within ${this.#readMs} ms`)
    } finally {
      timer.abort()
      this.#running.delete(giveUp)
    }
  }
}
