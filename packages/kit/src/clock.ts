/** Milliseconds of a clock that never goes back and knows no date; only differences mean something. */
export type MonotonicMs = number

/** Time and waiting; comes in by the constructor, so that a test can hold it still. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never falls. */
  now(): MonotonicMs
  /** Milliseconds since 1970 by the machine's own date; may jump. */
  wallMs(): number
  /** Settles after `ms`, which may be any length or `Infinity`, or as soon as `signal` aborts; never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

/** A longer timer runs after 1 ms: https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const MAX_TIMER_MS = 2 ** 31 - 1

/** The machine's own clock. */
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
