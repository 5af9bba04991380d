/** Milliseconds of a clock that never goes back and knows no date; only differences mean something. */
export type MonotonicMs = number

/** Time and waiting; comes in by the constructor, so that a test can hold it still. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never falls. */
  now(): MonotonicMs
  /** Milliseconds since 1970 by the machine's own date; may jump. */
  wallMs(): number
  /** Settles after `ms`, or as soon as `signal` aborts; never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve()
      const done = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal.addEventListener('abort', done, { once: true })
    }),
}
