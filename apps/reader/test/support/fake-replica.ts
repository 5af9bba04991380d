import {
  highOf,
  formatSourcePosition,
  parsePosition,
  parseSourceId,
  type Position,
  type SourcePosition,
} from '@freshet/protocol'
import {
  ABSENT,
  ReplicaError,
  type Absent,
  type Answer,
  type Notification,
  type ReadOptions,
  type Replica,
  type ReplicaErrorCode,
  type ReplicaState,
  type ReplicaStatus,
} from '@freshet/replica'
import type { CachedDocument, Representation } from '../../src/read-document.ts'

function checked<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('malformed')
  return value
}

export const source = checked(parseSourceId('01234567'))

/** A position made from a number, near the beginning of time. */
export function position(number: number): Position {
  return checked(parsePosition(number.toString(16).padStart(16, '0')))
}

/** A replica whose database is a Map: the simplest implementation of the contract, controlled by the test. */
export class FakeReplica implements Replica<CachedDocument> {
  readonly documents = new Map<string, Representation>()
  readonly #resident = new Set<string>()
  #waiting: (() => void)[] = []
  #at = position(1)
  state: ReplicaState = { kind: 'live' }
  /** The code of the error that interrupted the feed. */
  brokenBy: string | undefined
  provedAt = performance.now()
  aliveAt = performance.now()
  /** The error that every database read fails with. */
  failure: ReplicaErrorCode | undefined
  /** Database reads wait until this is reset. */
  held: Promise<void> = Promise.resolve()
  reads = 0
  /** Waiting database reads. */
  fetching = 0
  cancelled = 0

  /** Writes a document and advances by one position; returns the text of that position. */
  put(key: string, json: string): string {
    const tag = Buffer.from(`${key}${json}`).toString('base64url').slice(-22).padStart(22, '_')
    this.documents.set(key, { etag: `"${tag}"`, body: Buffer.from(json).toString('latin1') })
    return this.moveTo(Number.parseInt(this.#at, 16) + 1)
  }

  moveTo(number: number): string {
    this.#at = position(number)
    for (const wake of this.#waiting.splice(0)) wake()
    return this.positionText
  }

  /** Caches a document, as if someone had read it before. */
  hold(...keys: readonly string[]): void {
    for (const key of keys) this.#resident.add(key)
  }

  get waiting(): number {
    return this.#waiting.length
  }

  get at(): Position {
    return this.#at
  }

  get positionText(): string {
    return formatSourcePosition(source, this.#at)
  }

  start(): Promise<void> {
    return Promise.resolve()
  }

  peek(key: string): CachedDocument | Absent | undefined {
    if (this.state.kind !== 'live' && this.state.kind !== 'lagging') return undefined
    return this.#resident.has(key) ? this.#valueOf(key) : undefined
  }

  inspect(key: string): CachedDocument | Absent | undefined {
    return this.#resident.has(key) ? this.#valueOf(key) : undefined
  }

  /** As the encoder of a reader makes it. */
  #valueOf(key: string): CachedDocument | Absent {
    const representation = this.documents.get(key)
    if (representation === undefined) return ABSENT
    const { etag, body } = representation
    return typeof body === 'string' ? etag + body : { etag, body }
  }

  get(collection: string, id: string, options?: ReadOptions): Promise<Answer<CachedDocument>> {
    return this.many(collection, [id], options)
  }

  async many(
    collection: string,
    ids: readonly string[],
    options: ReadOptions = {},
  ): Promise<Answer<CachedDocument>> {
    this.reads += 1
    const { atLeast, positionWaitMs: waitMs = 1_000 } = options
    if (atLeast === 'now') await this.now(options)
    else if (atLeast !== undefined) await this.atLeast(atLeast, { ...options, waitMs })
    const keys = ids.map((id) => `${collection}/${id}`)
    const hit = keys.every((key) => this.peek(key) !== undefined)
    if (!hit) await this.#fetch(options.signal)
    this.hold(...keys)
    const values = keys.map((key) => this.#valueOf(key))
    return { source, at: this.#at, values, via: hit ? 'hit' : 'miss', stored: true }
  }

  async atLeast(
    wanted: Position | SourcePosition,
    { waitMs = 1_000, signal }: Pick<ReadOptions, 'waitMs' | 'signal'> = {},
  ): Promise<void> {
    const at = typeof wanted === 'string' ? wanted : wanted.at
    if (typeof wanted !== 'string' && wanted.source !== source)
      throw new ReplicaError('WRONG_SOURCE', 'not mine')
    const deadline = performance.now() + waitMs
    while (this.#at < at) {
      const leftMs = deadline - performance.now()
      if (leftMs <= 0) throw new ReplicaError('BEHIND', 'not there yet')
      await this.#moved(leftMs, signal)
    }
  }

  async now(options?: Pick<ReadOptions, 'waitMs' | 'signal'>): Promise<Position> {
    await this.#fetch(options?.signal)
    return this.#at
  }

  async *changes(): AsyncIterable<Notification<CachedDocument>> {}

  status(): ReplicaStatus {
    return {
      state: this.state,
      source,
      epoch: 0,
      at: this.#at,
      wallTimeMs: highOf(this.#at) * 1_000,
      ageMs: performance.now() - this.provedAt,
      proved: true,
      entries: this.#resident.size,
      bytes: 0,
      maxBytes: 1_024,
      hits: 0,
      misses: 7,
      fills: this.reads,
      refills: 0,
      refreshes: 0,
      evictions: 0,
      changesApplied: 0,
      reopens: 0,
      brokenBy: this.brokenBy,
      resyncs: { HISTORY_LOST: 2 },
      refusedCollections: {},
    }
  }

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}

  async #fetch(signal: AbortSignal | undefined): Promise<void> {
    if (this.failure !== undefined) throw new ReplicaError(this.failure, 'as the test wants')
    const gone = new Promise<never>((_resolve, reject) => {
      signal?.addEventListener('abort', () => {
        this.cancelled += 1
        reject(new ReplicaError('CANCELLED', 'the caller left'))
      })
    })
    this.fetching += 1
    await Promise.race([this.held, gone]).finally(() => (this.fetching -= 1))
  }

  #moved(withinMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, withinMs)
      this.#waiting.push(() => {
        clearTimeout(timer)
        resolve()
      })
      signal?.addEventListener('abort', () => {
        clearTimeout(timer)
        this.cancelled += 1
        reject(new ReplicaError('CANCELLED', 'the caller left'))
      })
    })
  }
}
