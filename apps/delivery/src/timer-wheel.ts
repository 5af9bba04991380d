import type { Clock, MonotonicMs } from '@freshet/kit'

/** Something that will happen. */
export interface WheelTimer {
  readonly run: () => void
  readonly dueAt: MonotonicMs
  readonly slot: number
}

/** A quarter of a second: pings, expiries and deadlines are seconds. */
const SLOT_MS = 250
const SLOTS = 512

/**
 * The timers of all connections behind one timer of the process: setting and canceling cost the same however many there
 * are. A timer runs at most one slot late, never early.
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

  /** Timers that are set. */
  get size(): number {
    return this.#size
  }

  start(): void {
    this.#interval ??= setInterval(() => this.turn(), SLOT_MS).unref()
  }

  /** What is set does not run any more. */
  stop(): void {
    clearInterval(this.#interval)
    this.#interval = undefined
  }

  set(delayMs: number, run: () => void): WheelTimer {
    const dueAt = this.#clock.now() + delayMs
    // Never into a slot that has been turned over already: that one comes again after a whole turn.
    const tick = Math.max(this.#nextTick, Math.ceil((dueAt - this.#startedAt) / SLOT_MS))
    const timer: WheelTimer = { run, dueAt, slot: tick % SLOTS }
    this.#slots[timer.slot]?.add(timer)
    this.#size += 1
    return timer
  }

  /** Idempotent; a timer that has run is canceled already. */
  cancel(timer: WheelTimer | undefined): void {
    if (timer !== undefined && this.#slots[timer.slot]?.delete(timer) === true) this.#size -= 1
  }

  /** Runs what is due. `start` calls it; a test that holds the clock may. */
  turn(): void {
    const now = this.#clock.now()
    const lastTick = Math.floor((now - this.#startedAt) / SLOT_MS)
    // After a long pause each slot is looked at once.
    this.#nextTick = Math.max(this.#nextTick, lastTick - SLOTS + 1)
    while (this.#nextTick <= lastTick) {
      const slot = this.#slots[this.#nextTick % SLOTS]
      // What runs may set timers for the slots to come.
      this.#nextTick += 1
      for (const timer of slot ?? []) this.#runIfDue(timer, now)
    }
  }

  /** A slot holds timers of later turns too. */
  #runIfDue(timer: WheelTimer, now: MonotonicMs): void {
    if (timer.dueAt > now) return
    this.cancel(timer)
    timer.run()
  }
}
