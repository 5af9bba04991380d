/** Milliseconds of a monotonic clock; only differences are meaningful. */
export type MonotonicMs = number

/** Time and timers, injected so that tests can control them. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never falls. */
  now(): MonotonicMs
  /** Milliseconds since 1970 by the system clock; may jump. */
  wallMs(): number
  /** Resolves after `ms` (any length, even `Infinity`) or when `signal` aborts. Never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

/** Node.js fires longer timers after 1 ms: https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const MAX_TIMER_MS = 2 ** 31 - 1

/** The system's clocks and timers. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve()
      let timer: NodeJS.Timeout
      const done = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const wait = (leftMs: number): void => {
        const nextMs = Math.min(leftMs, MAX_TIMER_MS)
        timer = setTimeout(() => (leftMs > nextMs ? wait(leftMs - nextMs) : done()), nextMs)
      }
      wait(ms)
      signal.addEventListener('abort', done, { once: true })
    }),
}
