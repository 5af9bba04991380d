/** Lets at most `places` jobs run at the same time; the others wait in order. */
export class Semaphore {
  #free: number
  readonly #queue = new Set<() => void>()

  constructor(places: number) {
    this.#free = places
  }

  /**
   * Runs `job`, at once and in this turn when there is a place; otherwise as soon as one is free. Settles when it has
   * ended, or when `signal` aborted before it began; a job that has begun goes on.
   */
  async run(job: () => Promise<void>, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    if (this.#free > 0) this.#free -= 1
    else if (!(await this.#waitForPermit(signal))) return
    try {
      await job()
    } finally {
      this.#release()
    }
  }

  /** Whether there was a place before the signal aborted. */
  #waitForPermit(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (has: boolean): void => {
        signal.removeEventListener('abort', leave)
        this.#queue.delete(begin)
        resolve(has)
      }
      const begin = (): void => settle(true)
      const leave = (): void => settle(false)
      signal.addEventListener('abort', leave, { once: true })
      this.#queue.add(begin)
    })
  }

  #release(): void {
    for (const begin of this.#queue) return begin()
    this.#free += 1
  }
}
