import { ABSENT, type Absent, type Cache, type Value } from '@freshet/cache'
import type { Bytes, Id, Position, SourceId } from '@freshet/protocol'
import { answerTooLarge, isWithin } from './pinned-keys.ts'
import type { Encoder } from './contract.ts'
import { type Deadline, deferred } from './deadline.ts'
import { ReplicaError } from './errors.ts'
import type { ServedCollections } from './served-collections.ts'
import {
  type BoundedReads,
  fillTimeout,
  planReads,
  type ReadPlan,
  SIZE_ONLY,
  SMALL_BYTES,
  type Wanted,
} from './bounded-reads.ts'
import type { Watermark } from './watermark.ts'

/** Documents as of one position, in the order of the requested ids. `inconclusive`: start over. */
export type Snapshot<V> =
  | {
      readonly kind: 'exact'
      readonly source: SourceId | undefined
      readonly at: Position
      readonly values: readonly (V | Absent)[]
    }
  | { readonly kind: 'inconclusive' }
  | { readonly kind: 'failed'; readonly error: ReplicaError }

const inconclusive: Snapshot<never> = { kind: 'inconclusive' }

/** One snapshot read and the number of its callers. */
interface Job<V> {
  readonly collection: string
  readonly ids: readonly Id[]
  readonly taken: Promise<Snapshot<V>>
  callers: number
  /** Set when the first read is sent. */
  sent: Stamp | undefined
  readonly queueAbort: AbortController
}

/** The position at which all documents of a snapshot are read. */
interface Stamp {
  readonly source: SourceId | undefined
  readonly at: Position
  readonly epoch: number
}

interface WantedId extends Wanted {
  readonly id: Id
}

/** What a snapshot has read so far. */
interface Progress<V> {
  readonly values: Map<Id, V | Absent>
  bytes: number
  /** Documents to read next: their size first, then with enough budget. */
  next: readonly WantedId[]
}

export interface SnapshotsParts<V extends Value> {
  readonly cache: Cache<V>
  readonly sourceReads: BoundedReads
  readonly watermark: Watermark
  readonly collections: ServedCollections
  readonly encoder: Encoder<V>
  readonly maxAnswerBytes: number
}

/**
 * Snapshot reads: several documents at one position, for keys that change faster than they can be cached. Callers of the
 * same documents share a snapshot that is not older than their floor.
 */
export class Snapshots<V extends Value> {
  readonly #parts: SnapshotsParts<V>
  /** The latest snapshot per list of documents. */
  readonly #jobs = new Map<string, Job<V>>()

  constructor(parts: SnapshotsParts<V>) {
    this.#parts = parts
  }

  /** @throws {ReplicaError} ANSWER_TOO_LARGE, UNAVAILABLE; as `Deadline.race` */
  async read(
    collection: string,
    ids: readonly Id[],
    floor: Position,
    deadline: Deadline,
  ): Promise<Exclude<Snapshot<V>, { readonly kind: 'failed' }>> {
    const name = JSON.stringify([collection, ids])
    const running = this.#jobs.get(name)
    const job = running && this.#canShare(running, floor) ? running : this.#start(name, collection, ids)
    job.callers += 1
    try {
      const snapshot = await deadline.race(job.taken, fillTimeout)
      if (snapshot.kind === 'failed') throw snapshot.error
      return snapshot
    } finally {
      job.callers -= 1
      // Do not send a snapshot without callers.
      if (job.callers === 0) {
        job.queueAbort.abort()
        this.#remove(name, job)
      }
    }
  }

  #canShare({ sent }: Job<V>, floor: Position): boolean {
    const { watermark, cache } = this.#parts
    return sent === undefined || (sent.source === watermark.source && cache.mayAnswer(floor, sent.at))
  }

  #start(name: string, collection: string, ids: readonly Id[]): Job<V> {
    const { promise: taken, resolve } = deferred<Snapshot<V>>()
    const leaveLine = new AbortController()
    const job: Job<V> = { collection, ids, taken, callers: 0, sent: undefined, queueAbort: leaveLine }
    this.#jobs.set(name, job)
    void this.#run(name, job, resolve)
    return job
  }

  async #run(name: string, job: Job<V>, resolve: (snapshot: Snapshot<V>) => void): Promise<void> {
    const snapshot = await this.#read(job)
    this.#remove(name, job)
    resolve(snapshot)
  }

  #remove(name: string, job: Job<V>): void {
    if (this.#jobs.get(name) === job) this.#jobs.delete(name)
  }

  async #read(job: Job<V>): Promise<Snapshot<V>> {
    try {
      return await this.#readAll(job)
    } catch (cause) {
      if (cause instanceof ReplicaError) return { kind: 'failed', error: cause }
      const message = `a document of '${job.collection}' could not be encoded`
      return { kind: 'failed', error: new ReplicaError('UNAVAILABLE', message, { cause }) }
    }
  }

  /** @throws {ReplicaError} */
  async #readAll(job: Job<V>): Promise<Snapshot<V>> {
    const { collection, ids } = job
    const found: Progress<V> = { values: new Map(), bytes: 0, next: [] }
    let wanted: readonly WantedId[] = ids.map((id) => ({ id, collection, maxBytes: SMALL_BYTES }))
    while (wanted.length > 0) {
      found.next = []
      for (const plan of planReads(wanted)) if (!(await this.#readPart(job, plan, found))) return inconclusive
      wanted = found.next
    }
    if (job.sent === undefined) return inconclusive
    const { source, at } = job.sent
    return { kind: 'exact', source, at, values: ids.map((id) => found.values.get(id) ?? ABSENT) }
  }

  /** Whether the read succeeded. @throws what the encoder throws; {ReplicaError} */
  async #readPart(job: Job<V>, plan: ReadPlan<WantedId>, found: Progress<V>): Promise<boolean> {
    let done = false
    let failed: { readonly error: unknown } | undefined
    const read = async (): Promise<void> => {
      try {
        done = await this.#readNow(job, plan, found)
      } catch (error) {
        failed = { error }
      }
    }
    await this.#parts.sourceReads.schedule(plan, read, job.queueAbort.signal)
    if (failed) throw failed.error
    return done
  }

  async #readNow(
    job: Job<V>,
    { documents, maxDocumentBytes }: ReadPlan<WantedId>,
    found: Progress<V>,
  ): Promise<boolean> {
    const { cache, sourceReads } = this.#parts
    job.sent ??= this.#stamp(job)
    if (job.sent === undefined) return false
    const { at, epoch } = job.sent
    const ids = documents.map(({ id }) => id)
    const result = await sourceReads.read(at, job.collection, ids, maxDocumentBytes)
    if (result.kind === 'refused') throw result.error
    if (result.kind !== 'exact' || cache.epoch !== epoch || job.callers === 0) return false
    const { sizes, limited } = result
    const unread = limited ? ids.filter((id) => !result.documents.has(id)) : [...sizes.keys()]
    const next = unread.map((id) => ({
      id,
      collection: job.collection,
      maxBytes: sizes.get(id) ?? SIZE_ONLY,
    }))
    found.next = [...found.next, ...next]
    for (const [id, document] of result.documents) this.#keep(id, document, found)
    return true
  }

  /** `undefined` if nothing can be read now. */
  #stamp({ collection }: Job<V>): Stamp | undefined {
    const { watermark, collections, cache } = this.#parts
    if (!watermark.serving || collections.isBlocked(collection)) return undefined
    const { source, at } = watermark
    return { source, at, epoch: cache.epoch }
  }

  /** @throws {ReplicaError} ANSWER_TOO_LARGE; what the encoder throws */
  #keep(id: Id, document: Bytes, found: Progress<V>): void {
    const { encoder, maxAnswerBytes } = this.#parts
    const value = encoder.encode(document)
    found.values.set(id, value)
    found.bytes += encoder.sizeOf(value)
    if (!isWithin(found.bytes, maxAnswerBytes)) throw answerTooLarge(found.bytes, maxAnswerBytes)
  }
}
