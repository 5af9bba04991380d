import type { Clock } from '../src/index.ts'

/** A clock that stands still until a sleeper is released; records the requested waits. */
export class FakeClock implements Clock {
  readonly sleeps: number[] = []
  readonly #wake: (() => void)[] = []

  now(): number {
    return 0
  }

  wallMs(): number {
    return 0
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    this.sleeps.push(ms)
    return new Promise((resolve) => {
      if (signal.aborted) return resolve()
      this.#wake.push(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  /** Ends every sleep that has begun, and lets the sleepers continue. */
  async pass(): Promise<void> {
    for (const wake of this.#wake.splice(0)) wake()
    await settled()
  }
}

/** Runs everything that waits only for promises. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
