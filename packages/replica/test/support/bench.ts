import { Cache, type Value } from '@freshet/cache'
import type { Batch } from '@freshet/change-stream'
import type { ByteBudget, Log } from '@freshet/kit'
import { highOf, parseSourceId, positionOf, type IdType, type SourceId } from '@freshet/protocol'
import type { Encoder } from '../../src/contract.ts'
import type { Feed } from '../../src/feed.ts'
import { defaultReplicaOptions, type ReplicaOptions } from '../../src/options.ts'
import { ExactReplica } from '../../src/replica.ts'
import { History } from './history.ts'
import { ManualClock } from './manual-clock.ts'
import { Random } from './random.ts'
import { ScriptedReads } from './scripted-reads.ts'

export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** Caches the text of the document. */
export const asText: Encoder<string> = {
  encode: (document) => Buffer.from(document).toString('utf8'),
  sizeOf: (value) => value.length,
}

export function sourceOf(text: string): SourceId {
  const source = parseSourceId(text)
  if (source === undefined) throw new Error(`expected a source, got '${text}'`)
  return source
}

export const collections: ReadonlyMap<string, IdType> = new Map([
  ['a', 'string'],
  ['b', 'string'],
])

export const keys = ['a/1', 'a/2', 'a/33', 'a/4', 'b/1', 'b/22']

export interface BenchOptions {
  readonly seed?: number
  readonly options?: Partial<ReplicaOptions>
  readonly cache?: Cache<string>
  readonly budget?: ByteBudget
  readonly collections?: ReadonlyMap<string, IdType>
  readonly encoder?: Encoder<string>
  readonly reads?: (history: History, random: Random) => ScriptedReads
  /** The source is a log: it starts with the first commit and has no point reads. */
  readonly log?: boolean
  /** Default: none. */
  readonly writeLog?: Log
  /** Wraps the feed. */
  readonly wrapFeed?: (feed: FeedSide) => FeedSide
}

/** The methods of a feed that a test calls. */
export type FeedSide = Pick<Feed<Value>, 'begin' | 'apply' | 'broken'>

/** A replica with feed, replies, ticks and time under the test's control. */
export class Bench implements AsyncDisposable {
  history = new History(sourceOf('00000001'), keys)
  readonly clock = new ManualClock()
  readonly reads: ScriptedReads
  readonly replica: ExactReplica<string>
  readonly random: Random
  readonly log: boolean
  #feed: FeedSide | undefined
  #deferred: (() => void)[] = []
  /** Commits delivered by the feed. */
  told = 0

  constructor(options: BenchOptions = {}) {
    this.random = new Random(options.seed ?? 1)
    this.reads = options.reads?.(this.history, this.random) ?? new ScriptedReads(this.history)
    this.log = options.log === true
    const all = { ...defaultReplicaOptions, ...options.options }
    this.replica = new ExactReplica({
      ...(!this.log && { reads: this.reads }),
      wallTimeMs: (position) => highOf(position) * 1_000,
      collections: options.collections ?? collections,
      encoder: options.encoder ?? asText,
      options: all,
      clock: this.clock,
      random: this.random.next,
      log: options.writeLog ?? silentLog,
      cache:
        options.cache ?? new Cache({ maxBytes: all.cacheBytes, sizeOf: asText.sizeOf, complete: this.log }),
      ...(options.budget && { budget: options.budget }),
      follow: (feed) => {
        this.#feed = options.wrapFeed?.(feed) ?? feed
        return { start: () => {}, stop: () => Promise.resolve() }
      },
      defer: (run) => this.#deferred.push(run),
    })
  }

  get feed(): FeedSide {
    if (this.#feed === undefined) throw new Error('no feed')
    return this.#feed
  }

  /** Reads deferred to the end of the tick. */
  get deferred(): number {
    return this.#deferred.length
  }

  /** Starts a new epoch at the latest position, as a follower does. */
  begin(at: number = this.log ? 0 : this.history.now): void {
    this.reads.history = this.history
    this.told = at
    this.feed.begin({ source: this.history.source, at: positionOf(1, at) })
  }

  /** Delivers the next commits in one batch; `proved` if these were all. */
  tell(commits: number = this.history.now - this.told): void {
    const from = this.told
    this.told = Math.min(this.history.now, from + commits)
    const changes = Array.from({ length: this.told - from }, (_, index) =>
      this.history.changesOf(from + index + 1),
    ).flat()
    const proved = this.told === this.history.now
    this.feed.apply(this.batch(changes, this.told, proved))
    // The bytes of a batch are valid only during the call.
    for (const change of changes) if (change.kind === 'upsert') change.document.fill(0)
  }

  batch(changes: Batch['changes'], n: number, proved: boolean): Batch {
    const provedAt = proved ? this.clock.now() : 0
    return { changes, through: positionOf(1, n), provedAt, aliveAt: this.clock.now() }
  }

  /** Ends the tick: sends the deferred reads. */
  tick(): void {
    const runs = this.#deferred
    this.#deferred = []
    for (const run of runs) run()
  }

  /** Lets all pending promise callbacks run. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
  }

  /** Sends deferred reads and replies until nothing is left to do. */
  async drain(): Promise<void> {
    for (let idle = 0; idle < 2;) {
      await this.settle()
      const moved = this.deferred > 0 || this.reads.pending.length > 0
      this.tick()
      for (const pending of this.reads.pending.splice(0)) pending.reply()
      idle = moved ? 0 : idle + 1
    }
  }

  /** Starts, proves and checks the replica, so that it serves. */
  async live(): Promise<this> {
    this.begin()
    this.tell()
    await this.drain()
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.replica.close()
  }
}
