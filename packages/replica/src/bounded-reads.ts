import { ChangeStreamError, type SourceReads } from '@freshet/change-stream'
import type { BytePart, Clock, Log } from '@freshet/kit'
import type { Bytes, Id, Position } from '@freshet/protocol'
import { ReplicaError } from './errors.ts'

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
  | {
      readonly kind: 'fenced'
      readonly documents: ReadonlyMap<Id, Bytes>
      readonly until: Position
      /** The size of each existing document that is too large, in bytes. */
      readonly sizes: ReadonlyMap<Id, number>
    }
  | { readonly kind: 'behind-feed' }
  /** May succeed later. `positionUnavailable`: may succeed immediately at a later position. */
  | { readonly kind: 'unavailable'; readonly positionUnavailable: boolean }
  /** Will not succeed without intervention. */
  | { readonly kind: 'refused'; readonly error: ReplicaError }

const none: ReadonlyMap<Id, number> = new Map()

export const fillTimeout = (): ReplicaError =>
  new ReplicaError('UNAVAILABLE', 'the source did not reply in time')

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
      if (answer.kind === 'behind-feed') return answer
      if (answer.kind === 'fenced') return { sizes: none, ...answer }
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
      return { kind: 'refused', error: new ReplicaError('SOURCE_REFUSED', message, { cause: error }) }
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

/** Runs at most `permits` jobs at the same time; further jobs wait in order. */
class Semaphore {
  #free: number
  readonly #queue = new Set<() => void>()

  constructor(permits: number) {
    this.#free = permits
  }

  /**
   * Runs `job` in this turn if a permit is free, otherwise as soon as one is. Resolves when the job has ended, or when
   * `signal` aborted before it started. A started job is not interrupted.
   */
  async run(job: () => Promise<void>, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    if (this.#free > 0) this.#free -= 1
    else if (!(await this.#waitForPermit(signal))) return
    try {
      await job()
    } finally {
      this.#release()
    }
  }

  /** Whether a permit was granted before the signal aborted. */
  #waitForPermit(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (granted: boolean): void => {
        signal.removeEventListener('abort', cancel)
        this.#queue.delete(begin)
        resolve(granted)
      }
      const begin = (): void => settle(true)
      const cancel = (): void => settle(false)
      signal.addEventListener('abort', cancel, { once: true })
      this.#queue.add(begin)
    })
  }

  #release(): void {
    for (const begin of this.#queue) return begin()
    this.#free += 1
  }
}

/** The most ids per read: above this, one `find` by `_id` is slower than two. */
export const MAX_IDS_PER_READ = 150

/** The memory a read may use. */
export interface ReadCost {
  readonly bytes: number
  /** Larger documents are not fetched. */
  readonly maxDocumentBytes: number
}

/**
 * Documents up to this size are fetched directly. For larger ones the size is read first, and they are fetched when the
 * budget allows.
 */
export const SMALL_BYTES = 16 * 1024

/** Requests only the size of a document, which also shows whether it exists. */
export const SIZE_ONLY = 0

/** The bytes of one id with its document size in a reply. */
const SIZE_BYTES = 512

/** The most bytes of large documents in one read, unless a single one is larger. */
const MAX_BATCH_BYTES = 4 * 1024 * 1024

/** A reply is in memory twice while it is assembled, plus once encoded. */
const COPIES = 3

/** One document to read. */
export interface Wanted {
  readonly collection: string
  /** The largest document to fetch; {@link SIZE_ONLY} requests only its size. */
  readonly maxBytes: number
}

/** Documents of one collection and similar size that share one read, with its cost. */
export interface ReadPlan<T> extends ReadCost {
  readonly documents: readonly T[]
}

/** Groups documents into as few reads as possible. */
export function planReads<T extends Wanted>(wanted: readonly T[]): readonly ReadPlan<T>[] {
  return [...byCollection(wanted).values()].flatMap((documents) => splitBySize(documents).map(planOf))
}

function planOf<T extends Wanted>(documents: readonly T[]): ReadPlan<T> {
  const maxDocumentBytes = documents.at(-1)?.maxBytes ?? SMALL_BYTES
  const each = maxDocumentBytes === SIZE_ONLY ? SIZE_BYTES : maxDocumentBytes
  return { documents, maxDocumentBytes, bytes: documents.length * each * COPIES }
}

/** Each list is sorted by size, so its last document is the largest. */
function splitBySize<T extends Wanted>(documents: readonly T[]): readonly (readonly T[])[] {
  const lists: T[][] = []
  let list: T[] = []
  for (const document of documents.toSorted((a, b) => a.maxBytes - b.maxBytes)) {
    if (list.length === 0 || !fitsBatch(list, document)) lists.push((list = []))
    list.push(document)
  }
  return lists
}

function fitsBatch(list: readonly Wanted[], { maxBytes }: Wanted): boolean {
  if (list.length >= MAX_IDS_PER_READ) return false
  const [first] = list
  if (first === undefined || kindOf(first.maxBytes) !== kindOf(maxBytes)) return false
  return maxBytes <= SMALL_BYTES || (list.length + 1) * maxBytes <= MAX_BATCH_BYTES
}

function kindOf(maxBytes: number): 'size' | 'small' | 'large' {
  if (maxBytes === SIZE_ONLY) return 'size'
  return maxBytes <= SMALL_BYTES ? 'small' : 'large'
}

function byCollection<T extends Wanted>(wanted: readonly T[]): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>()
  for (const one of wanted) {
    const group = groups.get(one.collection)
    if (group) group.push(one)
    else groups.set(one.collection, [one])
  }
  return groups
}
