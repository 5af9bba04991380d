import { ABSENT } from '@freshet/cache'
import type { Absent, Cache, Fill, FillDecision, FillOutcome, Value } from '@freshet/cache'
import { Backoff, type BackoffOptions, type Clock, type Log } from '@freshet/kit'
import { after, POSITION_NEVER, type Id, type Position, type SourceId } from '@freshet/protocol'
import type { Encoder } from './contract.ts'
import { ReplicaError } from './errors.ts'
import { MAX_IMMEDIATE_RETRIES, alignedWaitMs, positionRetryWaitMs } from './retry.ts'
import { planReads, SIZE_ONLY, SMALL_BYTES } from './bounded-reads.ts'
import type { BoundedReads, ReadPlan, ReadResult } from './bounded-reads.ts'
import type { Watermark } from './watermark.ts'

/** How a fill ended for one caller. */
export type FillResult<V> =
  /** The document was in this state at `at`, and the cache has it, or had it a moment ago. */
  | { readonly kind: 'installed'; readonly value: V | Absent; readonly at: Position }
  /** The document was in this state at `at`. It changes faster than it can be read, so it is not cached. */
  | { readonly kind: 'earlier'; readonly value: V | Absent; readonly at: Position }
  /** The replica follows another source now: look the document up again. */
  | { readonly kind: 'source-changed' }
  | { readonly kind: 'failed'; readonly error: ReplicaError }

/** One caller's wait for one fill. */
interface Caller<V> {
  /** The answer must not be older than this. */
  readonly floor: Position
  /** The answer must come from this source. */
  readonly source: SourceId | undefined
  readonly resolve: (result: FillResult<V>) => void
}

/** A key that is being filled, and its callers. */
interface Job<V> {
  readonly fill: Fill<V>
  readonly collection: string
  readonly id: Id
  readonly callers: Set<Caller<V>>
  /** Created when the job first has to wait. */
  backoff: Backoff | undefined
  /** A larger document is not fetched. `SIZE_ONLY` asks for its size alone. */
  maxBytes: number
  /** Reads that the source did not answer. */
  failures: number
  /** Whether the last read failed because of its position. */
  positionUnavailable: boolean
}

/** A caller's handle on a fill. */
export interface FillTicket<V> {
  readonly result: Promise<FillResult<V>>
  /** Whether the fill was already running. */
  readonly joined: boolean
  /** Stops waiting. Other callers keep the fill. */
  readonly cancel: () => void
}

export interface FillerParts<V extends Value> {
  readonly cache: Cache<V>
  readonly sourceReads: BoundedReads
  readonly encoder: Encoder<V>
  readonly watermark: Watermark
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
  readonly retry: BackoffOptions
  /** Runs its argument after the callbacks that are due now, so that their fills share one read. */
  readonly defer: (run: () => void) => void
}

/** Reads documents that are not cached: one fill per key, one batch per tick and collection. The cache decides outcomes. */
export class Filler<V extends Value> {
  readonly #parts: FillerParts<V>
  readonly #jobs = new Map<string, Job<V>>()
  readonly #queue: Job<V>[] = []
  #flushScheduled = false
  #fills = 0
  #refills = 0

  constructor(parts: FillerParts<V>) {
    this.#parts = parts
  }

  /** Fills started. */
  get fills(): number {
    return this.#fills
  }

  /** Reads repeated. */
  get refills(): number {
    return this.#refills
  }

  /** Joins the key's fill in progress or starts one. Never rejects. `onDone` runs in the turn in which the fill ends. */
  fill(collection: string, id: Id, floor: Position, onDone?: () => void): FillTicket<V> {
    const key = `${collection}/${id}`
    const running = this.#jobs.get(key)
    const job = running ?? this.#start(key, collection, id)
    let caller: Caller<V> | undefined
    const filled = new Promise<FillResult<V>>((settle) => {
      const tell = (one: FillResult<V>): void => {
        onDone?.()
        settle(one)
      }
      caller = { floor, source: this.#parts.watermark.source, resolve: tell }
      job.callers.add(caller)
    })
    return {
      result: filled,
      joined: running !== undefined,
      cancel: () => void (caller && job.callers.delete(caller)),
    }
  }

  /** Sends the queued reads. Call it when the replica serves again. */
  resume(): void {
    if (this.#flushScheduled || this.#queue.length === 0) return
    this.#flushScheduled = true
    this.#parts.defer(() => this.#flush())
  }

  #start(key: string, collection: string, id: Id): Job<V> {
    const { cache } = this.#parts
    this.#fills += 1
    const job: Job<V> = {
      fill: cache.beginFill(key),
      collection,
      id,
      callers: new Set(),
      backoff: undefined,
      maxBytes: SMALL_BYTES,
      failures: 0,
      positionUnavailable: false,
    }
    this.#jobs.set(key, job)
    this.#enqueue(job)
    return job
  }

  #enqueue(job: Job<V>): void {
    this.#queue.push(job)
    if (this.#parts.watermark.serving) this.resume()
  }

  #flush(): void {
    this.#flushScheduled = false
    // While loading there is no position to read at; `resume` is called when there is.
    if (!this.#parts.watermark.serving) return
    for (const plan of planReads(this.#queue.splice(0)))
      void this.#parts.sourceReads.schedule(plan, () => this.#send(plan))
  }

  async #send({ documents: jobs, maxDocumentBytes }: ReadPlan<Job<V>>): Promise<void> {
    const { watermark, cache, sourceReads } = this.#parts
    if (!watermark.serving) {
      this.#queue.push(...jobs)
      return
    }
    const w0 = watermark.at
    const sent: Job<V>[] = []
    for (const job of jobs) {
      if (job.callers.size === 0) this.#abandon(job)
      // The feed delivered the document while it was queued, so there is nothing to read.
      else if (job.fill.latest !== undefined) this.#applyOutcome(job, { kind: 'unavailable' })
      else {
        cache.markSent(job.fill, w0)
        sent.push(job)
      }
    }
    const [first] = sent
    if (first === undefined) return
    const ids = sent.map(({ id }) => id)
    const result = await sourceReads.read(w0, first.collection, ids, maxDocumentBytes)
    for (const job of sent) this.#handleResult(job, result)
  }

  #handleResult(job: Job<V>, result: ReadResult): void {
    if (result.kind === 'refused') return this.#fail(job, result.error)
    job.positionUnavailable =
      result.kind === 'behind-feed' || (result.kind === 'unavailable' && result.positionUnavailable)
    if (result.kind === 'unavailable') job.failures += 1
    if (result.kind === 'unavailable' || result.kind === 'behind-feed') return this.#applyOutcome(job, result)
    const document = result.documents.get(job.id)
    if (document === undefined) {
      const unknown = result.kind === 'exact' && result.limited
      const bytes = unknown ? SIZE_ONLY : result.sizes.get(job.id)
      if (bytes !== undefined) return this.#requeue(job, bytes)
    }
    this.#failOnError(job, () => {
      const { encoder } = this.#parts
      const value = document === undefined ? ABSENT : encoder.encode(document)
      const { kind } = result
      this.#applyOutcome(job, kind === 'exact' ? { kind, value } : { kind, value, until: result.until })
    })
  }

  /** The document is missing or larger than the limit: read its size next, then the document with enough budget. */
  #requeue(job: Job<V>, bytes: number): void {
    // The feed delivered it in the meantime.
    if (job.fill.latest !== undefined) return this.#applyOutcome(job, { kind: 'unavailable' })
    job.maxBytes = bytes
    this.#enqueue(job)
  }

  /** An error here concerns one document. Its job must end, or the key could never be read again; other jobs continue. */
  #failOnError(job: Job<V>, step: () => void): void {
    try {
      step()
    } catch (cause) {
      const message = `could not cache the document read for '${job.fill.key}'`
      const error =
        cause instanceof ReplicaError ? cause : new ReplicaError('UNAVAILABLE', message, { cause })
      this.#parts.log.error({ err: error }, 'a document could not be encoded')
      this.#fail(job, error)
    }
  }

  /** `late`: the bounded wait for W is over. If W is still behind, the outcome is discarded. */
  #applyOutcome(job: Job<V>, outcome: FillOutcome<V>, late = false): void {
    const { watermark, cache } = this.#parts
    // A new epoch may still be before W, where a change from the feed is not the state at W.
    if (!watermark.serving) return this.#retry(job)
    this.#failOnError(job, () => {
      const decision = cache.applyOutcome(job.fill, outcome, watermark.at)
      if (late && decision.kind === 'wait-until') this.#retry(job)
      else this.#applyDecision(job, outcome, decision)
    })
  }

  #applyDecision(job: Job<V>, outcome: FillOutcome<V>, decision: FillDecision<V>): void {
    switch (decision.kind) {
      case 'install':
        return this.#settle(job, { kind: 'installed', value: decision.value, at: this.#parts.watermark.at })
      case 'answer-uninstalled':
        this.#answerEarlier(job, decision.value, decision.at)
        return this.#retry(job)
      case 'retry':
        if (outcome.kind === 'unavailable' && keepsFailing(job)) return this.#retryLater(job, POSITION_NEVER)
        return this.#retry(job)
      case 'wait-until':
        return void this.#pause(job, decision.position).then(() => this.#applyOutcome(job, outcome, true))
      case 'retry-later':
        return this.#retryLater(job, POSITION_NEVER)
      case 'wait-after':
        return this.#retryLater(job, keepsFailing(job) ? POSITION_NEVER : after(decision.position))
    }
  }

  #retryLater(job: Job<V>, position: Position): void {
    void this.#pause(job, position).then(() => this.#retry(job))
  }

  #answerEarlier(job: Job<V>, value: V | Absent, at: Position): void {
    const { cache, watermark } = this.#parts
    for (const caller of job.callers) {
      const sourceChanged = caller.source !== watermark.source
      if (!sourceChanged && !cache.mayAnswer(caller.floor, at)) continue
      job.callers.delete(caller)
      // Positions of two sources are never compared: callers that started with another source start over.
      caller.resolve(sourceChanged ? { kind: 'source-changed' } : { kind: 'earlier', value, at })
    }
  }

  #retry(job: Job<V>): void {
    if (job.callers.size === 0) return this.#abandon(job)
    this.#refills += 1
    this.#enqueue(job)
  }

  /** Waits until W reaches `position`, at most for the next back-off delay. */
  async #pause(job: Job<V>, position: Position): Promise<void> {
    const { watermark, clock, retry, random } = this.#parts
    const reached = new AbortController()
    const waiter = watermark.wait(position, () => reached.abort())
    const now = clock.now()
    job.backoff ??= new Backoff(retry, random)
    const waitMs = job.positionUnavailable ? positionRetryWaitMs(now) : alignedWaitMs(now, job.backoff.next())
    await clock.sleep(waitMs, reached.signal)
    watermark.cancel(waiter)
  }

  #fail(job: Job<V>, error: ReplicaError): void {
    this.#parts.cache.abandon(job.fill)
    this.#settle(job, { kind: 'failed', error })
  }

  #abandon(job: Job<V>): void {
    this.#parts.cache.abandon(job.fill)
    this.#jobs.delete(job.fill.key)
  }

  #settle(job: Job<V>, filled: FillResult<V>): void {
    this.#jobs.delete(job.fill.key)
    for (const caller of job.callers) caller.resolve(filled)
  }
}

/** A later W helps when the position was the problem, not when the source fails regardless of it. */
function keepsFailing<V>({ failures }: Job<V>): boolean {
  return failures > MAX_IMMEDIATE_RETRIES
}
