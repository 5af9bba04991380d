import type { Batch, Origin } from '@freshet/change-stream'
import type { Clock, MonotonicMs } from '@freshet/kit'
import { formatSourcePosition, POSITION_ZERO, type Position, type SourceId } from '@freshet/protocol'
import type { ReplicaState } from './contract.ts'
import { deferred, type Deferred } from './deferred.ts'
import { next, serves, type ReplicaEvent } from './state.ts'
import { Waiters, type Waiter } from './waiters.ts'

/** Sources that are remembered; a set whose address leads back and forth has two. */
const MAX_SOURCES = 8

/** Where the replica stands: which source, which position, since when proved; and who waits for more. */
export class Watermark {
  readonly #clock: Clock
  readonly #lagAfterMs: number
  readonly #waiters = new Waiters()
  #state: ReplicaState = { kind: 'loading' }
  #serving = false
  #source: SourceId | undefined
  #at: Position = POSITION_ZERO
  /** How far W had come in the sources that were followed before, the one that was left last at the end. */
  readonly #previous = new Map<SourceId, Position>()
  #text: string | undefined
  #epochStartedAt: MonotonicMs = Number.NEGATIVE_INFINITY
  #provedAt: MonotonicMs = Number.NEGATIVE_INFINITY
  #aliveAt: MonotonicMs = Number.NEGATIVE_INFINITY
  #stateChanged = deferred<void>()
  #advanced: Deferred<void> | undefined

  constructor(clock: Clock, lagAfterMs: number) {
    this.#clock = clock
    this.#lagAfterMs = lagAfterMs
  }

  /** Whether held values may be given out. */
  get serving(): boolean {
    return this.#serving
  }

  get source(): SourceId | undefined {
    return this.#source
  }

  get at(): Position {
    return this.#at
  }

  get positionText(): string | undefined {
    return this.#text
  }

  get provedAt(): MonotonicMs {
    return this.#provedAt
  }

  get aliveAt(): MonotonicMs {
    return this.#aliveAt
  }

  /** Silence is noticed when somebody asks: no timer runs for it. */
  get state(): ReplicaState {
    if (this.#clock.now() - this.#provedAt > this.#lagAfterMs) this.silent()
    return this.#state
  }

  /** Settles at the next change of the state. */
  get stateChanged(): Promise<void> {
    return this.#stateChanged.promise
  }

  /** Settles at the next batch, new epoch, or at the stop; made only while somebody waits. */
  get advanced(): Promise<void> {
    this.#advanced ??= deferred()
    return this.#advanced.promise
  }

  /**
   * Whether `source` is known not to be the present one: what was followed was proved current after `since`, also by a sign
   * of life of a majority, since a primary that is cut off goes on to prove what it knows. Where `source` was
   * followed before, the word of such a one is enough.
   */
  isForeign(source: SourceId, since: MonotonicMs): boolean {
    const from = Math.max(since, this.#epochStartedAt)
    if (source === this.#source || this.state.kind !== 'live' || this.#provedAt < from) return false
    return this.#previous.has(source) || this.#aliveAt >= from
  }

  /** A new epoch. W of one source never falls: nothing is answered until the feed has come to where W was. */
  begin(origin: Origin): void {
    const same = origin.source === this.#source
    if (!same) this.#rememberSource()
    const reached = same ? this.#at : (this.#previous.get(origin.source) ?? POSITION_ZERO)
    this.#source = origin.source
    this.#at = reached > origin.at ? reached : origin.at
    this.#text = formatSourcePosition(origin.source, this.#at)
    this.#epochStartedAt = this.#clock.now()
    this.#dispatch({ type: 'begun' })
    // Positions of another source mean nothing here: let those who wait look again.
    if (same) this.#waiters.reached(this.#at)
    else this.#waiters.wakeAll()
    this.#notifyAdvanced()
  }

  /** Whether a batch is still before W, which happens after a new epoch only; nothing is held then. */
  isBehind(batch: Batch): boolean {
    return batch.through < this.#at
  }

  /** All changes through `batch.through` were applied, in this turn. */
  advance(batch: Batch): void {
    this.#aliveAt = Math.max(this.#aliveAt, batch.aliveAt)
    if (this.isBehind(batch)) return
    if (batch.through !== this.#at && this.#source !== undefined) {
      this.#at = batch.through
      this.#text = formatSourcePosition(this.#source, batch.through)
    }
    if (batch.provedAt >= this.#epochStartedAt) {
      this.#provedAt = Math.max(this.#provedAt, batch.provedAt)
      const silent = this.#clock.now() - this.#provedAt > this.#lagAfterMs
      this.#dispatch({
        type: silent && this.#state.kind !== 'loading' ? 'silent' : 'proved',
        provedAt: this.#provedAt,
      })
    }
    this.#waiters.reached(this.#at)
    if (this.#advanced !== undefined) this.#notifyAdvanced()
  }

  /** The connection broke; W stays exact. */
  silent(): void {
    this.#dispatch({ type: 'silent', provedAt: this.#provedAt })
  }

  lost(reason: string): void {
    this.#dispatch({ type: 'lost', reason })
  }

  stop(): void {
    this.#dispatch({ type: 'stop' })
    this.#waiters.wakeAll()
    this.#notifyAdvanced()
  }

  /** `wake` runs in the turn in which W reaches `position`, or when that can no longer be told: look again. */
  wait(position: Position, wake: () => void): Waiter {
    return this.#waiters.add(position, wake)
  }

  cancel(waiter: Waiter): void {
    this.#waiters.cancel(waiter)
  }

  #notifyAdvanced(): void {
    this.#advanced?.resolve()
    this.#advanced = undefined
  }

  #rememberSource(): void {
    if (this.#source === undefined) return
    this.#previous.delete(this.#source)
    this.#previous.set(this.#source, this.#at)
    const [oldest] = this.#previous.keys()
    if (this.#previous.size > MAX_SOURCES && oldest !== undefined) this.#previous.delete(oldest)
  }

  #dispatch(event: ReplicaEvent): void {
    const state = next(this.#state, event)
    if (state === this.#state) return
    this.#state = state
    this.#serving = serves(state)
    const moved = this.#stateChanged
    this.#stateChanged = deferred()
    moved.resolve()
  }
}
