import type { Hub } from './hub.ts'
import type { Offset } from './offset.ts'
import { positionPublication } from './publication.ts'
import { middleOf, type Stream } from './recovery.ts'
import type { TimerWheel, WheelTimer } from './timer-wheel.ts'

/** What the sweep is made of. */
export interface PositionSweepParts {
  readonly hub: Hub
  readonly wheel: TimerWheel
  readonly wallMs: () => number
  readonly stream: () => Stream | undefined
}

const EVERY_MS = 1_000

/** Only a share of the due clients each time, so that clients that connected together spread out. */
const PART = 8
const AT_LEAST = 100

/**
 * Sends a position publication to clients whose offset is in the older half of the ring. Otherwise a quiet user would be
 * below the floor after a mass disconnect, though nothing was missed.
 */
export class PositionSweep {
  readonly #parts: PositionSweepParts
  #timer: WheelTimer | undefined

  constructor(parts: PositionSweepParts) {
    this.#parts = parts
  }

  start(): void {
    this.#timer ??= this.#parts.wheel.set(EVERY_MS, () => this.#again())
  }

  stop(): void {
    this.#parts.wheel.cancel(this.#timer)
    this.#timer = undefined
  }

  #again(): void {
    this.#timer = undefined
    this.sweep()
    this.start()
  }

  sweep(): void {
    const { wallMs } = this.#parts
    const stream = this.#parts.stream()
    if (stream === undefined) return
    const due = this.#due(middleOf(stream.ring.floor, stream.top))
    const publication = positionPublication(stream.top, wallMs())
    // The oldest offsets first.
    const now = due.slice(0, Math.max(AT_LEAST, Math.ceil(due.length / PART)))
    for (const member of now) member.push(publication)
  }

  #due(middle: Offset) {
    const { hub } = this.#parts
    return [...hub.members()].filter((member) => member.offset < middle).sort((a, b) => a.offset - b.offset)
  }
}
