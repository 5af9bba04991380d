import type { Clock, MonotonicMs } from '@freshet/kit'

/** A clock that only the test advances. */
export class ManualClock implements Clock {
  #now = 1_000
  #timers: { readonly at: number; readonly fire: () => void }[] = []

  now(): MonotonicMs {
    return this.#now
  }

  wallMs(): number {
    return this.#now
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const fire = (): void => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const timer = { at: this.#now + ms, fire }
      this.#timers.push(timer)
      const leave = (): void => {
        this.#timers = this.#timers.filter((other) => other !== timer)
        resolve()
      }
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  /** Wakes due sleepers in order. */
  advance(ms: number): void {
    this.#now += ms
    const due = this.#timers.filter((timer) => timer.at <= this.#now).sort((a, b) => a.at - b.at)
    this.#timers = this.#timers.filter((timer) => timer.at > this.#now)
    for (const timer of due) timer.fire()
  }

  /** The number of sleepers. */
  get sleeping(): number {
    return this.#timers.length
  }
}
