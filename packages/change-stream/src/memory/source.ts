import { withAnySignal, type Clock } from '@freshet/kit'
import { highOf, lowOf, positionOf, type Position, type SourceId } from '@freshet/protocol'
import type { Batch, ChangeSource, Origin } from '../contract.ts'
import { ChangeStreamError } from '../errors.ts'
import { History, type MemoryWrite } from './history.ts'

export interface MemorySourceParts {
  readonly id: SourceId
  readonly clock: Clock
  /** How often an idle feed proves its freshness, in milliseconds. */
  readonly idleMs: number
}

const firstPosition = positionOf(1, 0)

/** A small in-memory database that keeps its entire history: for tests, benches and trying Freshet without a server. */
export class MemorySource implements ChangeSource {
  readonly #clock: Clock
  readonly #idleMs: number
  /** Used by its reads. */
  readonly history = new History()
  #id: SourceId
  #at: Position = firstPosition
  #epoch = new AbortController()
  #woken = new AbortController()

  constructor(parts: MemorySourceParts) {
    this.#id = parts.id
    this.#clock = parts.clock
    this.#idleMs = parts.idleMs
  }

  /** Commits all writes at one position: a transaction if there are several. */
  commit(writes: readonly MemoryWrite[]): Position {
    this.#at = positionOf(highOf(this.#at), lowOf(this.#at) + 1)
    this.history.add(this.#at, writes)
    const woken = this.#woken
    this.#woken = new AbortController()
    woken.abort()
    return this.#at
  }

  /** Breaks the running read, like a lost connection. */
  cut(why = new ChangeStreamError('DISCONNECTED', 'the connection was cut')): void {
    const epoch = this.#epoch
    this.#epoch = new AbortController()
    epoch.abort(why)
  }

  /** Cuts the connection and invalidates all earlier positions. */
  loseHistory(): void {
    this.history.forget(this.commit([]))
    this.cut()
  }

  /** Cuts the connection and switches to another history. */
  becomeAnother(id: SourceId): void {
    this.#id = id
    this.cut()
  }

  /** The position of the last commit. */
  get head(): Position {
    return this.#at
  }

  start(): Promise<Origin> {
    return Promise.resolve({ source: this.#id, at: this.#at })
  }

  /** Positions are plain counters. */
  wallTimeMs(): undefined {
    return undefined
  }

  async *read(origin: Origin, signal: AbortSignal): AsyncGenerator<Batch, void> {
    const epoch = this.#epoch.signal
    if (origin.source !== this.#id)
      throw new ChangeStreamError('SOURCE_CHANGED', `expected the history ${origin.source}, got ${this.#id}`)
    if (!this.history.knows(origin.at))
      throw new ChangeStreamError('HISTORY_LOST', `the changes after ${origin.at} were forgotten`)
    for (let { at } = origin; !signal.aborted;) {
      epoch.throwIfAborted()
      const changes = this.history.after(at).flatMap((commit) => commit.changes)
      const provedAt = this.#clock.now()
      const woken = this.#woken.signal
      at = this.#at
      yield { changes, through: at, provedAt, aliveAt: provedAt }
      if (changes.length === 0)
        await withAnySignal([signal, epoch, woken], (any) => this.#clock.sleep(this.#idleMs, any))
    }
  }
}
