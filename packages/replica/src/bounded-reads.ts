import { ChangeStreamError, type SourceReads } from '@freshet/change-stream'
import type { BytePart, Clock, Log } from '@freshet/kit'
import type { Bytes, Id, Position } from '@freshet/protocol'
import { ReplicaError } from './errors.ts'
import { Semaphore } from './semaphore.ts'
import { SMALL_BYTES, type ReadCost } from './read-plan.ts'

/** The outcome of a read of the source. */
export type ReadResult =
  | {
      readonly kind: 'exact'
      readonly documents: ReadonlyMap<Id, Bytes>
      /** If only sizes were requested: the size of each existing document, in bytes. */
      readonly sizes: ReadonlyMap<Id, number>
      /** Whether an id without a document may belong to one that is too large. */
      readonly limited: boolean
    }
  | { readonly kind: 'fenced'; readonly documents: ReadonlyMap<Id, Bytes>; readonly until: Position }
  | { readonly kind: 'behind-feed' }
  /** May succeed later. `positionUnavailable`: may succeed immediately at a later position. */
  | { readonly kind: 'unavailable'; readonly positionUnavailable: boolean }
  /** Will not succeed without intervention. */
  | { readonly kind: 'refused'; readonly error: ReplicaError }

const none: ReadonlyMap<Id, number> = new Map()

/** Reads of the source, bounded in number, bytes and time. Failures become results. */
export class BoundedReads {
  readonly #reads: SourceReads
  readonly #semaphore: Semaphore
  readonly #clock: Clock
  readonly #log: Log
  readonly #readMs: number
  readonly #small: BytePart
  readonly #large: BytePart
  readonly #running = new Set<AbortController>()
  /** Queued reads. A single shared signal would collect one listener per read, and Node.js warns above ten. */
  readonly #waiting = new Set<AbortController>()
  #stopped = false

  constructor(parts: {
    readonly reads: SourceReads
    readonly maxConcurrent: number
    /** Budgets for small and large documents, so that a read waiting for many bytes does not block small ones. */
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
   * Waits for bytes and a permit, then runs `job`, which must not reject and must stamp and send its read in its first
   * turn. Resolves when the job has ended, or when `signal` aborted before it started.
   */
  async schedule(read: ReadCost, job: () => Promise<void>, signal?: AbortSignal): Promise<void> {
    const cancelled = new AbortController()
    const cancel = (): void => cancelled.abort()
    if (this.#stopped || signal?.aborted) return
    signal?.addEventListener('abort', cancel, { once: true })
    this.#waiting.add(cancelled)
    try {
      using lease = (read.maxDocumentBytes > SMALL_BYTES ? this.#large : this.#small).lease()
      if (!lease.tryAcquire(read.bytes) && !(await lease.acquire(read.bytes, cancelled.signal))) return
      await this.#semaphore.run(job, cancelled.signal)
    } finally {
      this.#waiting.delete(cancelled)
      signal?.removeEventListener('abort', cancel)
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
          'a read of the source failed and is retried while a caller waits',
        )
        return { kind: 'unavailable', positionUnavailable: code === 'POSITION_UNAVAILABLE' }
      }
      this.#log.error({ collection, err: error }, 'the database refuses reads of this collection')
      const message = `the database refused to read '${collection}'`
      return { kind: 'refused', error: new ReplicaError('UNAVAILABLE', message, { cause: error }) }
    }
  }

  /** A position at or after everything committed at the time of the call. @throws what the source throws. */
  head(): Promise<Position> {
    return this.#bounded((signal) => this.#reads.head(signal))
  }

  /** @throws what the source throws. */
  check(collections: readonly string[]): Promise<ReadonlyMap<string, string | undefined>> {
    return this.#bounded((signal) => this.#reads.check(collections, signal))
  }

  /** Aborts all queued and running reads. */
  stop(): void {
    this.#stopped = true
    for (const queued of this.#waiting) queued.abort()
    for (const read of this.#running) read.abort()
  }

  async #bounded<T>(read: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController()
    this.#running.add(controller)
    const timeout = this.#clock.sleep(this.#readMs, controller.signal)
    try {
      const first = await Promise.race([read(controller.signal).then((result) => ({ result })), timeout])
      if (first) return first.result
      throw new Error(`no answer from the source within ${this.#readMs} ms`)
    } finally {
      this.#running.delete(controller)
      controller.abort()
    }
  }
}
