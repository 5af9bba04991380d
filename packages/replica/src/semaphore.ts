/** Runs at most `permits` jobs at the same time; further jobs wait in order. */
export class Semaphore {
  #free: number
  readonly #queue = new Set<() => void>()

  constructor(permits: number) {
    this.#free = permits
  }

  /**
   * Runs `job` in this turn if a permit is free, otherwise as soon as one is. Resolves when the job has ended, or when
   * `signal` aborted before it started. A started job is not interrupted.
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

  /** Whether a permit was granted before the signal aborted. */
  #waitForPermit(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (granted: boolean): void => {
        signal.removeEventListener('abort', cancel)
        this.#queue.delete(begin)
        resolve(granted)
      }
      const begin = (): void => settle(true)
      const cancel = (): void => settle(false)
      signal.addEventListener('abort', cancel, { once: true })
      this.#queue.add(begin)
    })
  }

  #release(): void {
    for (const begin of this.#queue) return begin()
    this.#free += 1
  }
}
