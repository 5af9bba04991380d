import type { Batch, Origin } from '@freshet/change-stream'
import type { Clock, MonotonicMs } from '@freshet/kit'
import { formatSourcePosition, POSITION_ZERO, type Position, type SourceId } from '@freshet/protocol'
import type { ReplicaState } from './contract.ts'
import { deferred, type Deferred } from './deadline.ts'
import { ReplicaError } from './errors.ts'
import { Waiters, type Waiter } from './waiters.ts'

/** The number of previous sources to remember. An address that alternates between two databases needs two. */
const MAX_SOURCES = 8

/** The oldest state that may answer a read, and its source. */
export interface Floor {
  readonly position: Position
  readonly source: SourceId
}

/** W, the watermark: the replica's source, position and last proof, and the callers waiting for later positions. */
export class Watermark {
  readonly #clock: Clock
  readonly #lagAfterMs: number
  readonly #waiters = new Waiters()
  #state: ReplicaState = { kind: 'loading' }
  #serving = false
  #refused = false
  #source: SourceId | undefined
  #at: Position = POSITION_ZERO
  /** W in each previous source, the most recently left source last. */
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

  /** Whether cached values may be served. */
  get serving(): boolean {
    return this.#serving
  }

  /** Whether waiting does not help: the source cannot be followed, and could not be since. */
  get refused(): boolean {
    return this.#refused
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

  /** Lag is detected on access; there is no timer for it. */
  get state(): ReplicaState {
    if (this.#clock.now() - this.#provedAt > this.#lagAfterMs) this.silent()
    return this.#state
  }

  /** Resolves at the next change of state or of {@link refused}. */
  get stateChanged(): Promise<void> {
    return this.#stateChanged.promise
  }

  /** Resolves at the next batch, new epoch or stop. Created only while a caller waits. */
  get advanced(): Promise<void> {
    this.#advanced ??= deferred()
    return this.#advanced.promise
  }

  /**
   * Whether `source` is known not to be the present one: the current source was proved current after `since`. A primary
   * cut off from its majority continues to send proofs, so a sign of life from a majority is also required, unless
   * `source` is a previous source.
   */
  isForeign(source: SourceId, since: MonotonicMs): boolean {
    const from = Math.max(since, this.#epochStartedAt)
    if (source === this.#source || this.state.kind !== 'live' || this.#provedAt < from) return false
    return this.#previous.has(source) || this.#aliveAt >= from
  }

  /** @throws {ReplicaError} UNAVAILABLE: one answer never mixes documents of two databases. */
  expectSource({ source }: Floor): void {
    if (this.#source === source) return
    throw new ReplicaError('UNAVAILABLE', 'the database was replaced during the read')
  }

  /** Starts an epoch. W of one source never falls: nothing is served until the feed has reached the previous W again. */
  begin(origin: Origin): void {
    const same = origin.source === this.#source
    if (!same) this.#rememberSource()
    const reached = same ? this.#at : (this.#previous.get(origin.source) ?? POSITION_ZERO)
    this.#source = origin.source
    this.#at = reached > origin.at ? reached : origin.at
    this.#text = formatSourcePosition(origin.source, this.#at)
    this.#epochStartedAt = this.#clock.now()
    this.#dispatch({ type: 'begun' })
    // Positions of another source are not comparable: wake all waiters to check again.
    if (same) this.#waiters.reached(this.#at)
    else this.#waiters.wakeAll()
    this.#notifyAdvanced()
  }

  /** Whether a batch is still before W. Happens only after a new epoch, when nothing is served. */
  isBehind(batch: Batch): boolean {
    return batch.through < this.#at
  }

  /** Call it after applying all changes through `batch.through`, in the same turn. */
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

  /** The connection broke; W remains exact. */
  silent(): void {
    this.#dispatch({ type: 'silent', provedAt: this.#provedAt })
  }

  lost(reason: string): void {
    this.#dispatch({ type: 'lost', reason })
  }

  /** Whether the latest attempt to follow the source failed for a reason that waiting does not heal. */
  refuse(refused: boolean): void {
    if (refused === this.#refused) return
    this.#refused = refused
    this.#notifyChanged()
  }

  stop(): void {
    this.#dispatch({ type: 'stop' })
    this.#waiters.wakeAll()
    this.#notifyAdvanced()
  }

  /** `wake` runs in the turn in which W reaches `position`, or when it no longer can. Check again after waking. */
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
    // While it begins anew, which may take long, nothing is known yet.
    if (this.#serving) this.#refused = false
    this.#notifyChanged()
  }

  #notifyChanged(): void {
    const moved = this.#stateChanged
    this.#stateChanged = deferred()
    moved.resolve()
  }
}

/** Events of a replica; they carry their time. */
export type ReplicaEvent =
  /** The source provided a history and a start position. */
  | { readonly type: 'begun' }
  /** The feed proved that the state was current at `provedAt`. */
  | { readonly type: 'proved'; readonly provedAt: MonotonicMs }
  /** The last proof, at `provedAt`, is too old, or the connection broke. */
  | { readonly type: 'silent'; readonly provedAt: MonotonicMs }
  /** The history can no longer be followed. */
  | { readonly type: 'lost'; readonly reason: string }
  | { readonly type: 'stop' }

const loading: ReplicaState = { kind: 'loading' }
const live: ReplicaState = { kind: 'live' }
const stopped: ReplicaState = { kind: 'stopped' }

/** Pure. Returns the same object when the event changes nothing (R2). */
export function next(state: ReplicaState, event: ReplicaEvent): ReplicaState {
  if (state.kind === 'stopped') return state // R1: stopped is final
  switch (event.type) {
    case 'begun':
      return state.kind === 'loading' ? state : loading
    case 'proved':
      return state.kind === 'lost' || state.kind === 'live' ? state : live
    case 'silent':
      return state.kind === 'live' ? { kind: 'lagging', since: event.provedAt } : state
    case 'lost':
      return state.kind === 'lost' && state.reason === event.reason
        ? state
        : { kind: 'lost', reason: event.reason }
    case 'stop':
      return stopped
  }
}

/** Whether cached values may be served. A lagging answer names its position and is exact; a lost state proves nothing. */
export function serves(state: ReplicaState): boolean {
  return state.kind === 'live' || state.kind === 'lagging'
}
