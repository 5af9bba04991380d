import type { Clock, MonotonicMs } from '@freshet/kit'

/** A timer that is set. */
export interface WheelTimer {
  readonly run: () => void
  readonly dueAt: MonotonicMs
  readonly slot: number
}

/** A quarter of a second: pings, expiries and deadlines are seconds. */
const SLOT_MS = 250
const SLOTS = 512

/**
 * All timers of all connections on one timer of the process. Setting and canceling take constant time. A timer runs at most
 * one slot late and never early.
 */
export class TimerWheel {
  readonly #clock: Pick<Clock, 'now'>
  readonly #slots: Set<WheelTimer>[] = Array.from({ length: SLOTS }, () => new Set())
  readonly #startedAt: MonotonicMs
  #nextTick = 0
  #size = 0
  #interval: NodeJS.Timeout | undefined

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
    this.#startedAt = clock.now()
  }

  /** Number of timers that are set. */
  get size(): number {
    return this.#size
  }

  start(): void {
    this.#interval ??= setInterval(() => this.turn(), SLOT_MS).unref()
  }

  /** Nothing runs after this. */
  stop(): void {
    clearInterval(this.#interval)
    this.#interval = undefined
  }

  set(delayMs: number, run: () => void): WheelTimer {
    const dueAt = this.#clock.now() + delayMs
    // A slot that has already been processed would only come again after a full rotation.
    const tick = Math.max(this.#nextTick, Math.ceil((dueAt - this.#startedAt) / SLOT_MS))
    const timer: WheelTimer = { run, dueAt, slot: tick % SLOTS }
    this.#slots[timer.slot]?.add(timer)
    this.#size += 1
    return timer
  }

  /** Idempotent. Does nothing after the timer has run. */
  cancel(timer: WheelTimer | undefined): void {
    if (timer !== undefined && this.#slots[timer.slot]?.delete(timer) === true) this.#size -= 1
  }

  /** Runs the timers that are due. `start` calls it periodically; tests with a manual clock call it directly. */
  turn(): void {
    const now = this.#clock.now()
    const lastTick = Math.floor((now - this.#startedAt) / SLOT_MS)
    // After a long pause, process each slot once.
    this.#nextTick = Math.max(this.#nextTick, lastTick - SLOTS + 1)
    while (this.#nextTick <= lastTick) {
      const slot = this.#slots[this.#nextTick % SLOTS]
      // Callbacks may set timers in later slots.
      this.#nextTick += 1
      for (const timer of slot ?? []) this.#runIfDue(timer, now)
    }
  }

  /** A slot also contains timers of later rotations. */
  #runIfDue(timer: WheelTimer, now: MonotonicMs): void {
    if (timer.dueAt > now) return
    this.cancel(timer)
    timer.run()
  }
}
