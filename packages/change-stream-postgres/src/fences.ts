import type { Clock, MonotonicMs } from '@freshet/kit'
import { POSITION_ZERO, type Position } from '@freshet/protocol'

export interface FencesParts {
  readonly clock: Clock
  readonly nudgeAfterMs: number
  /** Moves the log on. */
  readonly nudge: () => Promise<void>
}

/** The longest pause between two nudges, in milliseconds. */
const longestPauseMs = 1_000

/**
 * The positions that somebody waits for. A visible change may not be on disk yet, in which case the server does not report it,
 * and nobody else may write for seconds. So a position that the feed does not reach by itself is pursued.
 */
export class Fences {
  readonly #parts: FencesParts
  #reached: Position = POSITION_ZERO
  #wanted: Position = POSITION_ZERO
  #pursuing = false
  readonly #stopping = new AbortController()
  #nudges = 0

  constructor(parts: FencesParts) {
    this.#parts = parts
  }

  /** Messages sent. */
  get nudges(): number {
    return this.#nudges
  }

  /** The feed has come to this position. */
  reach(position: Position): void {
    this.#reached = position
  }

  /** Another history begins: positions of the one before it may never be reached. */
  restart(at: Position): void {
    this.#reached = at
    this.#wanted = at
  }

  /** Sees to it that the feed comes to this position. */
  want(position: Position): void {
    if (position > this.#wanted) this.#wanted = position
    if (!this.#pursuing && !this.#stopping.signal.aborted && this.#wanted > this.#reached) void this.#pursue()
  }

  stop(): void {
    this.#stopping.abort()
  }

  async #pursue(): Promise<void> {
    this.#pursuing = true
    const { clock, nudgeAfterMs, nudge } = this.#parts
    const { signal } = this.#stopping
    let pauseMs = nudgeAfterMs
    let seen = this.#reached
    /** What the latest message was for. */
    let aim: Position | undefined
    while (this.#wanted > this.#reached) {
      await clock.sleep(pauseMs, signal)
      if (signal.aborted) return
      const moved = this.#reached > seen
      seen = this.#reached
      if (moved) pauseMs = nudgeAfterMs
      // Without a message: the feed is busy with older changes, or others write.
      if (moved && (aim === undefined || aim > seen)) continue
      if (this.#wanted <= seen) break
      aim = this.#wanted
      this.#nudges += 1
      // If it fails, the next one follows later.
      await nudge().catch(() => undefined)
      if (!moved) pauseMs = Math.min(2 * pauseMs, longestPauseMs)
    }
    this.#pursuing = false
  }
}

const MAX_OPEN_PROOFS = 100

interface Proof {
  readonly askedAt: MonotonicMs
  readonly head: Position
}

/** Proofs of freshness: a feed that has reached the head of the log was current when the head was asked for. */
export class Proofs {
  #open: Proof[] = []
  #provedAt: MonotonicMs = Number.NEGATIVE_INFINITY

  /** Ignored while too many heads have not been reached: the feed reaches the oldest ones first. */
  add(proof: Proof): void {
    if (this.#open.length < MAX_OPEN_PROOFS) this.#open.push(proof)
  }

  /** The latest time at which the state at `position` was current. */
  at(position: Position): MonotonicMs {
    for (const { askedAt, head } of this.#open)
      if (head <= position) this.#provedAt = Math.max(this.#provedAt, askedAt)
    this.#open = this.#open.filter(({ head }) => head > position)
    return this.#provedAt
  }
}
