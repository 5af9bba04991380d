import { ABSENT, type Absent, type Cache, type Value } from '@freshet/cache'
import type { Id, Position, SourceId } from '@freshet/protocol'
import { answerTooLarge, fits } from './answer-keys.ts'
import type { Presentation } from './contract.ts'
import { deferred } from './deferred.ts'
import { ReplicaError } from './errors.ts'
import type { Exactness } from './exactness.ts'
import { MAX_IDS_PER_READ, type Past } from './past.ts'
import { presented } from './presented.ts'
import type { Standpoint } from './standpoint.ts'

/** Documents as they were at one position, in the order of their ids. `nothing`: it proved nothing, look again. */
export type Snapshot<V> =
  | {
      readonly kind: 'exact'
      readonly source: SourceId | undefined
      readonly at: Position
      readonly values: readonly (V | Absent)[]
    }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'failed'; readonly error: ReplicaError }

const nothing: Snapshot<never> = { kind: 'nothing' }

/** What a caller holds of a snapshot. */
export interface SnapshotTicket<V> {
  /** Never rejects. */
  readonly taken: Promise<Snapshot<V>>
  /** The caller gives up; one that nobody waits for is not sent. Twice is fine. */
  readonly leave: () => void
}

/** One snapshot, and how many wait for it. */
interface Job<V> {
  readonly collection: string
  readonly ids: readonly Id[]
  readonly taken: Promise<Snapshot<V>>
  callers: number
  /** Where it is read, once it was sent. */
  sent: { readonly source: SourceId | undefined; readonly at: Position } | undefined
  leaveLine: () => void
}

export interface SnapshotsParts<V extends Value> {
  readonly cache: Cache<V>
  readonly past: Past
  readonly standpoint: Standpoint
  readonly exactness: Exactness
  readonly presentation: Presentation<V>
  readonly maxAnswerBytes: number
}

/**
 * Reads of several documents at one position, for keys that will not hold still. Callers of the same documents share
 * one, as long as it is not older than what each of them may see.
 */
export class Snapshots<V extends Value> {
  readonly #parts: SnapshotsParts<V>
  /** The newest of each list of documents. */
  readonly #jobs = new Map<string, Job<V>>()

  constructor(parts: SnapshotsParts<V>) {
    this.#parts = parts
  }

  take(collection: string, ids: readonly Id[], floor: Position): SnapshotTicket<V> {
    const name = JSON.stringify([collection, ids])
    const running = this.#jobs.get(name)
    const job = running && this.#serves(running, floor) ? running : this.#start(name, collection, ids)
    job.callers += 1
    let waiting = true
    const leave = (): void => {
      if (!waiting) return
      waiting = false
      job.callers -= 1
      if (job.callers > 0) return
      job.leaveLine()
      this.#forget(name, job)
    }
    return { taken: job.taken, leave }
  }

  #serves({ sent }: Job<V>, floor: Position): boolean {
    const { standpoint, cache } = this.#parts
    return sent === undefined || (sent.source === standpoint.source && cache.mayAnswer(floor, sent.at))
  }

  #start(name: string, collection: string, ids: readonly Id[]): Job<V> {
    const { promise: taken, resolve } = deferred<Snapshot<V>>()
    const job: Job<V> = { collection, ids, taken, callers: 0, sent: undefined, leaveLine: () => undefined }
    this.#jobs.set(name, job)
    job.leaveLine = this.#parts.past.inTurn(async () => {
      const snapshot = await this.#read(job)
      this.#forget(name, job)
      resolve(snapshot)
    })
    return job
  }

  #forget(name: string, job: Job<V>): void {
    if (this.#jobs.get(name) === job) this.#jobs.delete(name)
  }

  async #read(job: Job<V>): Promise<Snapshot<V>> {
    try {
      return await this.#readAll(job)
    } catch (cause) {
      if (cause instanceof ReplicaError) return { kind: 'failed', error: cause }
      const message = `a document of '${job.collection}' could not be presented`
      return { kind: 'failed', error: new ReplicaError('UNAVAILABLE', message, { cause }) }
    }
  }

  /** @throws {ReplicaError} */
  async #readAll(job: Job<V>): Promise<Snapshot<V>> {
    const { standpoint, exactness, cache, past, presentation, maxAnswerBytes } = this.#parts
    const { collection, ids } = job
    if (!standpoint.serving || exactness.isBlocked(collection)) return nothing
    const { source, at } = standpoint
    const { epoch } = cache
    job.sent = { source, at }
    const values: (V | Absent)[] = []
    let bytes = 0
    for (let from = 0; from < ids.length; from += MAX_IDS_PER_READ) {
      const part = ids.slice(from, from + MAX_IDS_PER_READ)
      const result = await past.at(at, collection, part)
      if (result.kind === 'refused') throw result.error
      if (result.kind !== 'exact' || cache.epoch !== epoch || job.callers === 0) return nothing
      for (const id of part) {
        const document = result.documents.get(id)
        const value =
          document === undefined ? ABSENT : presented(presentation, `${collection}/${id}`, document)
        values.push(value)
        if (value !== ABSENT) bytes += presentation.sizeOf(value)
        if (!fits(bytes, maxAnswerBytes)) throw answerTooLarge(bytes, maxAnswerBytes)
      }
    }
    return { kind: 'exact', source, at, values }
  }
}
