import type { TimerWheel, WheelTimer } from './timer-wheel.ts'

/** Dependencies of a heartbeat. */
export interface HeartbeatParts {
  readonly wheel: TimerWheel
  /** In [0, 1): spreads the first pings of clients that connected together. */
  readonly random: () => number
  readonly pingMs: number
  /** Deadline of the pong; less than `pingMs`. */
  readonly pongMs: number
  readonly onPing: () => void
  readonly onSilence: () => void
}

/** Pings a client and detects a missing pong, with one timer at a time. */
export class Heartbeat {
  readonly #parts: HeartbeatParts
  #timer: WheelTimer
  #received = false

  constructor(parts: HeartbeatParts) {
    this.#parts = parts
    this.#timer = parts.wheel.set(parts.random() * parts.pingMs, () => this.#ping())
  }

  /** A frame was received from the client. */
  received(): void {
    this.#received = true
  }

  stop(): void {
    this.#parts.wheel.cancel(this.#timer)
  }

  #ping(): void {
    const { wheel, pongMs, onPing } = this.#parts
    this.#received = false
    this.#timer = wheel.set(pongMs, () => this.#expectPong())
    onPing()
  }

  #expectPong(): void {
    const { wheel, pingMs, pongMs, onSilence } = this.#parts
    if (!this.#received) return onSilence()
    this.#timer = wheel.set(pingMs - pongMs, () => this.#ping())
  }
}
