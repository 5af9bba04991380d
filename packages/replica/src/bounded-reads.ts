import { ChangeStreamError, type SourceReads } from '@freshet/change-stream'
import type { BytePart, Clock, Log } from '@freshet/kit'
import type { Bytes, Id, Position } from '@freshet/protocol'
import { ReplicaError } from './errors.ts'
import { Semaphore } from './semaphore.ts'
import { SMALL_BYTES, type ReadCost } from './read-plan.ts'

/** What a read of the source came to. */
export type ReadResult =
  | {
      readonly kind: 'exact'
      readonly documents: ReadonlyMap<Id, Bytes>
      /** Where only sizes were asked for: of those that are there, in bytes. */
      readonly sizes: ReadonlyMap<Id, number>
      /** Whether an id without a document may be one that is too large. */
      readonly limited: boolean
    }
  | { readonly kind: 'fenced'; readonly documents: ReadonlyMap<Id, Bytes>; readonly until: Position }
  | { readonly kind: 'behind-feed' }
  /** It may work later; `byPosition`: at a newer position, perhaps at once. */
  | { readonly kind: 'unavailable'; readonly positionUnavailable: boolean }
  /** It will not work again by itself. */
  | { readonly kind: 'refused'; readonly error: ReplicaError }

const none: ReadonlyMap<Id, number> = new Map()

/** Reads of the source: bounded in number, in bytes and in time, and failures made into words. */
export class BoundedReads {
  readonly #reads: SourceReads
  readonly #semaphore: Semaphore
  readonly #clock: Clock
  readonly #log: Log
  readonly #readMs: number
  readonly #small: BytePart
  readonly #large: BytePart
  readonly #running = new Set<AbortController>()
  /** Those who wait for their turn. One signal for all would get a listener of each, and Node.js warns of more than ten. */
  readonly #waiting = new Set<AbortController>()
  #stopped = false

  constructor(parts: {
    readonly reads: SourceReads
    readonly maxConcurrent: number
    /** Room for reads of small documents, and of those that are large: who waits for much does not hold up the others. */
    readonly small: BytePart
    readonly large: BytePart
    readonly readMs: number
    readonly clock: Clock
    readonly log: Log
  }) {
    this.#reads = parts.reads
    this.#semaphore = new Semaphore(parts.maxConcurrent)
    this.#small = parts.small
    this.#large = parts.large
    this.#readMs = parts.readMs
    this.#clock = parts.clock
    this.#log = parts.log
  }

  /**
   * Waits for so much room and a free place, then runs `job`, which must not reject: its first turn is the one in which
   * reads must be stamped and sent. Settles when the job has ended, or when `signal` aborted before it began.
   */
  async schedule(read: ReadCost, job: () => Promise<void>, signal?: AbortSignal): Promise<void> {
    const left = new AbortController()
    const leave = (): void => left.abort()
    if (this.#stopped || signal?.aborted) return
    signal?.addEventListener('abort', leave, { once: true })
    this.#waiting.add(left)
    try {
      using lease = (read.maxDocumentBytes > SMALL_BYTES ? this.#large : this.#small).lease()
      if (!lease.tryAcquire(read.bytes) && !(await lease.acquire(read.bytes, left.signal))) return
      await this.#semaphore.run(job, left.signal)
    } finally {
      this.#waiting.delete(left)
      signal?.removeEventListener('abort', leave)
    }
  }

  /** Never rejects. */
  async read(
    position: Position,
    collection: string,
    ids: readonly Id[],
    maxDocumentBytes: number,
  ): Promise<ReadResult> {
    try {
      const answer = await this.#bounded((signal) =>
        this.#reads.read(position, collection, ids, signal, maxDocumentBytes),
      )
      if (answer.kind !== 'exact') return answer
      const { documents, sizes = none, limited = false } = answer
      return { kind: 'exact', documents, sizes, limited }
    } catch (error) {
      const code = error instanceof ChangeStreamError ? error.code : undefined
      if (code !== 'DENIED') {
        this.#log.debug(
          { collection, position, err: error },
          'a read of the source failed, it is sent again while somebody waits',
        )
        return { kind: 'unavailable', positionUnavailable: code === 'POSITION_UNAVAILABLE' }
      }
      this.#log.error({ collection, err: error }, 'the database refuses reads of this collection')
      const message = `the database refused to read '${collection}'`
      return { kind: 'refused', error: new ReplicaError('UNAVAILABLE', message, { cause: error }) }
    }
  }

  /** A position that is at least as new as what was committed when this was called. @throws what the source throws. */
  head(): Promise<Position> {
    return this.#bounded((signal) => this.#reads.head(signal))
  }

  /** @throws what the source throws. */
  check(collections: readonly string[]): Promise<ReadonlyMap<string, string | undefined>> {
    return this.#bounded((signal) => this.#reads.check(collections, signal))
  }

  /** Gives up all reads that are under way. */
  stop(): void {
    this.#stopped = true
    for (const left of this.#waiting) left.abort()
    for (const giveUp of this.#running) giveUp.abort()
  }

  async #bounded<T>(read: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const giveUp = new AbortController()
    this.#running.add(giveUp)
    const late = this.#clock.sleep(this.#readMs, giveUp.signal)
    try {
      const first = await Promise.race([read(giveUp.signal).then((result) => ({ result })), late])
      if (first) return first.result
      throw new Error(`no answer from the source within ${this.#readMs} ms`)
    } finally {
      this.#running.delete(giveUp)
      giveUp.abort()
    }
  }
}
