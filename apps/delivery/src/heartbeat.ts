import type { TimerWheel, WheelTimer } from './timer-wheel.ts'

/** What all heartbeats share. */
export interface HeartbeatTools {
  readonly wheel: TimerWheel
  /** In [0, 1): spreads the first pings of clients that connected together. */
  readonly random: () => number
  readonly limits: {
    readonly pingMs: number
    /** Deadline of the pong; less than `pingMs`. */
    readonly pongMs: number
  }
}

/** The client that is pinged. */
export interface HeartbeatOwner {
  ping(): void
  end(code: 'noPong'): void
}

/** Pings a client and detects a missing pong, with one timer at a time. */
export class Heartbeat {
  readonly #tools: HeartbeatTools
  readonly #owner: HeartbeatOwner
  #timer: WheelTimer
  #received = false

  constructor(tools: HeartbeatTools, owner: HeartbeatOwner) {
    this.#tools = tools
    this.#owner = owner
    this.#timer = tools.wheel.set(tools.random() * tools.limits.pingMs, () => this.#ping())
  }

  /** A frame was received from the client. */
  received(): void {
    this.#received = true
  }

  stop(): void {
    this.#tools.wheel.cancel(this.#timer)
  }

  #ping(): void {
    const { wheel, limits } = this.#tools
    this.#received = false
    this.#timer = wheel.set(limits.pongMs, () => this.#expectPong())
    this.#owner.ping()
  }

  #expectPong(): void {
    const { wheel, limits } = this.#tools
    if (!this.#received) return this.#owner.end('noPong')
    this.#timer = wheel.set(limits.pingMs - limits.pongMs, () => this.#ping())
  }
}
