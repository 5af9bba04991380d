import type { TimerWheel, WheelTimer } from './timer-wheel.ts'

/** What one client's heartbeat is made of. */
export interface HeartbeatParts {
  readonly wheel: TimerWheel
  /** In [0, 1): the first pings of clients that came at once are spread. */
  readonly random: () => number
  readonly pingMs: number
  /** The time a pong may take; less than `pingMs`. */
  readonly pongMs: number
  readonly onPing: () => void
  readonly onSilence: () => void
}

/** Pings a client, and notices when it does not answer. One timer at any time. */
export class Heartbeat {
  readonly #parts: HeartbeatParts
  #timer: WheelTimer
  #heard = false

  constructor(parts: HeartbeatParts) {
    this.#parts = parts
    this.#timer = parts.wheel.set(parts.random() * parts.pingMs, () => this.#ping())
  }

  /** Something came from the client. */
  heard(): void {
    this.#heard = true
  }

  stop(): void {
    this.#parts.wheel.cancel(this.#timer)
  }

  #ping(): void {
    const { wheel, pongMs, onPing } = this.#parts
    this.#heard = false
    this.#timer = wheel.set(pongMs, () => this.#expectPong())
    onPing()
  }

  #expectPong(): void {
    const { wheel, pingMs, pongMs, onSilence } = this.#parts
    if (!this.#heard) return onSilence()
    this.#timer = wheel.set(pingMs - pongMs, () => this.#ping())
  }
}
