import {
  ChangeStreamError,
  Follower,
  type Batch,
  type ChangeSource,
  type Origin,
} from '@freshet/change-stream'
import type { Clock, Log, MonotonicMs, Part } from '@freshet/kit'
import { formatSourcePosition, type Change, type DocumentChange, type Position } from '@freshet/protocol'
import type { ChangeContent, FeedChange, FeedSink } from '../contract.ts'
import { epochOf } from '../offset.ts'

export interface FeedParts {
  /** Reports the second of each change. */
  readonly source: ChangeSource
  readonly contentOf: (change: Change) => ChangeContent
  readonly sink: FeedSink
  readonly clock: Clock
  readonly log: Log
  /** In [0, 1). */
  readonly random: () => number
  /** Unhealthy without a proof of being current for this long. */
  readonly unreadyAfterMs: number
  /** Unhealthy when a majority of the source was not shown to be alive for this long. */
  readonly aliveWithinMs: number
}

/** The feed as operators see it. */
export interface FeedStatus {
  /** `catching up`: an earlier part of the history is read again; nobody is served. */
  readonly state: 'starting' | 'catching up' | 'live' | 'broken'
  /** `Freshet-Position`; `undefined` until the source is known. */
  readonly position: string | undefined
  /** How far the position lags behind this machine's clock. Up to ten seconds without writes. */
  readonly lagSeconds: number | undefined
  /** Time since everything stored was last proved to have arrived; `undefined` before the first proof. */
  readonly ageMs: number | undefined
  /**
   * Time since a majority of the source was last shown to be alive, by a message or a writer's heartbeat. An isolated primary
   * looks current without it. `undefined` before the first proof.
   */
  readonly aliveAgeMs: number | undefined
  /** How often the feed was lost or had a gap, and all clients were disconnected. */
  readonly restarts: number
  /** Breaks since the start, by error code. */
  readonly breaks: Readonly<Record<string, number>>
  /** Changes that were skipped because they could not be read, by collection. */
  readonly unreadable: Readonly<Record<string, number>>
}

/**
 * What the pipeline selects and how changes are counted. Offsets of two versions are not comparable, so raise it with
 * every change of either.
 */
const FILTER_VERSION = 1

/** At most one line for skipped changes in this time. */
const LOG_EVERY_MS = 10_000

/** Follows a source and passes its changes on, decoded. Never gives up. */
export class Feed implements Part {
  readonly name = 'feed'
  readonly #parts: FeedParts
  readonly #follower: Follower
  readonly #breaks: Record<string, number> = {}
  readonly #unreadable: Record<string, number> = {}
  #origin: Origin | undefined
  #through: Position | undefined
  #begun = 0
  /** The source has shown that nothing was missing, since the feed began. */
  #caughtUp = false
  #provedAt: MonotonicMs = Number.NEGATIVE_INFINITY
  #aliveAt: MonotonicMs = Number.NEGATIVE_INFINITY
  #gaps = 0
  #broken: string | undefined
  #loggedAt: MonotonicMs = Number.NEGATIVE_INFINITY

  constructor(parts: FeedParts) {
    this.#parts = parts
    const { source, clock, random } = parts
    const sink = {
      begin: (origin: Origin) => this.#begin(origin),
      apply: (batch: Batch) => this.#apply(batch),
      broken: (error: Error) => this.#break(error),
    }
    this.#follower = new Follower({ source, sink, clock, random })
  }

  start(): void {
    this.#follower.start()
  }

  async stop(): Promise<void> {
    await this.#follower.stop()
  }

  /**
   * Why the feed is not healthy; `undefined` if it is. A feed that breaks or falls silent is not, nor one whose empty replies
   * may come from a primary that has lost its majority.
   */
  unready(): string | undefined {
    const because = this.#broken === undefined ? '' : `: ${this.#broken}`
    if (!this.#caughtUp) return `the feed is ${this.status().state}${because}`
    const { clock, unreadyAfterMs, aliveWithinMs } = this.#parts
    const now = clock.now()
    if (now - this.#provedAt > unreadyAfterMs)
      return `the feed was not proved current for more than ${unreadyAfterMs} ms${because}`
    return now - this.#aliveAt > aliveWithinMs
      ? `no heartbeat of a writer and no message for more than ${aliveWithinMs} ms${because}`
      : undefined
  }

  status(): FeedStatus {
    const { source, clock } = this.#parts
    const origin = this.#origin
    const at = this.#through ?? origin?.at
    const atMs = at && source.wallTimeMs(at)
    const since = (time: MonotonicMs): number | undefined =>
      Number.isFinite(time) ? Math.round(clock.now() - time) : undefined
    return {
      state: this.#state(),
      position: origin && at && formatSourcePosition(origin.source, at),
      lagSeconds: atMs === undefined ? undefined : Math.max(0, Math.floor((clock.wallMs() - atMs) / 1_000)),
      ageMs: since(this.#provedAt),
      aliveAgeMs: since(this.#aliveAt),
      restarts: Math.max(0, this.#begun - 1) + this.#gaps,
      breaks: { ...this.#breaks },
      unreadable: { ...this.#unreadable },
    }
  }

  #state(): FeedStatus['state'] {
    if (this.#broken !== undefined) return 'broken'
    if (this.#caughtUp) return 'live'
    return this.#origin === undefined ? 'starting' : 'catching up'
  }

  #begin(origin: Origin): void {
    const { sink, log } = this.#parts
    const { source, at } = origin
    this.#origin = origin
    this.#through = undefined
    this.#caughtUp = false
    this.#begun += 1
    const position = formatSourcePosition(source, at)
    if (this.#begun === 1) log.info({ position }, 'the feed begins')
    else log.warn({ position }, 'the feed begins again: clients are disconnected and come back')
    // Of the second of `at` itself, a part may be missing.
    sink.begin({ epoch: epochOf(source, FILTER_VERSION), second: this.#secondOf(at) + 1 })
  }

  #apply(batch: Batch): void {
    const origin = this.#origin
    if (origin === undefined) throw new TypeError('expected begin before apply')
    const { through: at, provedAt, aliveAt } = batch
    this.#broken = undefined
    this.#through = at
    this.#provedAt = Math.max(this.#provedAt, provedAt)
    // The first proof counts once, so that an instance that starts need not wait for a heartbeat.
    this.#aliveAt = Math.max(this.#aliveAt, this.#caughtUp ? aliveAt : provedAt)
    this.#caughtUp ||= Number.isFinite(provedAt)
    const changes = batch.changes.map((change, index) => this.#decode(change, batch.seconds?.[index]))
    if (changes.some(({ kind }) => kind === 'gap')) this.#reportGap()
    const through = { position: { source: origin.source, at }, second: this.#secondOf(at) }
    this.#parts.sink.apply({ changes, through, ...(!this.#caughtUp && { behind: true }) })
  }

  #decode(change: Change, second: number | undefined): FeedChange {
    if (second === undefined) throw new TypeError('expected a source that reports the second of each change')
    const content = this.#parts.contentOf(change)
    if ((content.kind === 'unreadable' || content.kind === 'gap') && 'id' in change) this.#skip(change)
    return { second, ...content }
  }

  #reportGap(): void {
    this.#gaps += 1
    this.#parts.log.warn(
      {},
      'messages arrived without their contents: clients are disconnected and come back',
    )
  }

  /** Another program may write anything; it must not stop the delivery of messages. */
  #skip({ collection, id, kind }: DocumentChange): void {
    this.#unreadable[collection] = (this.#unreadable[collection] ?? 0) + 1
    const { clock, log } = this.#parts
    if (clock.now() - this.#loggedAt < LOG_EVERY_MS) return
    this.#loggedAt = clock.now()
    log.warn({ collection, id, kind, unreadable: this.#unreadable }, 'a change was skipped')
  }

  #break(error: Error): void {
    const code = error instanceof ChangeStreamError ? error.code : error.name
    this.#breaks[code] = (this.#breaks[code] ?? 0) + 1
    if (error instanceof ChangeStreamError && error.lost) this.#caughtUp = false
    this.#broken = code
    this.#parts.log.warn({ err: error, code }, 'the feed broke, retrying')
  }

  #secondOf(position: Position): number {
    const ms = this.#parts.source.wallTimeMs(position)
    if (ms === undefined) throw new TypeError('expected a source whose positions carry a time')
    return Math.floor(ms / 1_000)
  }
}
