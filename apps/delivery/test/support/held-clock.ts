import type { Clock } from '@freshet/kit'

/** A clock that moves when the test says so. It begins at the second that tests begin with. */
export class HeldClock implements Clock {
  #ms = 0
  readonly #startMs: number

  constructor(second: number) {
    this.#startMs = second * 1_000
  }

  now(): number {
    return this.#ms
  }

  wallMs(): number {
    return this.#startMs + this.#ms
  }

  move(ms: number): void {
    this.#ms += ms
  }

  sleep(_ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  }
}
