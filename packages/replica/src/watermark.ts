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
  readonly #left = new Map<SourceId, Position>()
  #text: string | undefined
  #begunAt: MonotonicMs = Number.NEGATIVE_INFINITY
  #provedAt: MonotonicMs = Number.NEGATIVE_INFINITY
  #aliveAt: MonotonicMs = Number.NEGATIVE_INFINITY
  #moved = deferred<void>()
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
  get moved(): Promise<void> {
    return this.#moved.promise
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
    const from = Math.max(since, this.#begunAt)
    if (source === this.#source || this.state.kind !== 'live' || this.#provedAt < from) return false
    return this.#left.has(source) || this.#aliveAt >= from
  }

  /** A new epoch. W of one source never falls: nothing is answered until the feed has come to where W was. */
  begin(origin: Origin): void {
    const same = origin.source === this.#source
    if (!same) this.#leave()
    const reached = same ? this.#at : (this.#left.get(origin.source) ?? POSITION_ZERO)
    this.#source = origin.source
    this.#at = reached > origin.at ? reached : origin.at
    this.#text = formatSourcePosition(origin.source, this.#at)
    this.#begunAt = this.#clock.now()
    this.#dispatch({ type: 'begun' })
    // Positions of another source mean nothing here: let those who wait look again.
    if (same) this.#waiters.reached(this.#at)
    else this.#waiters.wakeAll()
    this.#tellAdvance()
  }

  /** Whether a batch is still before W, which happens after a new epoch only; nothing is held then. */
  isOld(batch: Batch): boolean {
    return batch.through < this.#at
  }

  /** All changes through `batch.through` were applied, in this turn. */
  advance(batch: Batch): void {
    this.#aliveAt = Math.max(this.#aliveAt, batch.aliveAt)
    if (this.isOld(batch)) return
    if (batch.through !== this.#at && this.#source !== undefined) {
      this.#at = batch.through
      this.#text = formatSourcePosition(this.#source, batch.through)
    }
    if (batch.provedAt >= this.#begunAt) {
      this.#provedAt = Math.max(this.#provedAt, batch.provedAt)
      const silent = this.#clock.now() - this.#provedAt > this.#lagAfterMs
      this.#dispatch({
        type: silent && this.#state.kind !== 'loading' ? 'silent' : 'proved',
        provedAt: this.#provedAt,
      })
    }
    this.#waiters.reached(this.#at)
    if (this.#advanced !== undefined) this.#tellAdvance()
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
    this.#tellAdvance()
  }

  /** `wake` runs in the turn in which W reaches `position`, or when that can no longer be told: look again. */
  wait(position: Position, wake: () => void): Waiter {
    return this.#waiters.add(position, wake)
  }

  leave(waiter: Waiter): void {
    this.#waiters.cancel(waiter)
  }

  #tellAdvance(): void {
    this.#advanced?.resolve()
    this.#advanced = undefined
  }

  #leave(): void {
    if (this.#source === undefined) return
    this.#left.delete(this.#source)
    this.#left.set(this.#source, this.#at)
    const [oldest] = this.#left.keys()
    if (this.#left.size > MAX_SOURCES && oldest !== undefined) this.#left.delete(oldest)
  }

  #dispatch(event: ReplicaEvent): void {
    const state = next(this.#state, event)
    if (state === this.#state) return
    this.#state = state
    this.#serving = serves(state)
    const moved = this.#moved
    this.#moved = deferred()
    moved.resolve()
  }
}
