/**
 * Coalesces concurrent calls: every caller before an execution starts shares it. Callers during an execution share the
 * next one, so a result is never older than its call. One execution runs at a time.
 */
export class CoalescedCall<T> {
  readonly #work: () => Promise<T>
  readonly #delay: () => Promise<void> | undefined
  #next: Promise<T> | undefined
  #running: Promise<unknown> = Promise.resolve()

  /** @param delay awaited before each execution, so that more callers share it. Default: no delay. */
  constructor(work: () => Promise<T>, delay: () => Promise<void> | undefined = () => undefined) {
    this.#work = work
    this.#delay = delay
  }

  /** Resolves or rejects as the execution does. */
  run(): Promise<T> {
    this.#next ??= this.#afterRunning()
    return this.#next
  }

  async #afterRunning(): Promise<T> {
    // Its own callers get its failure.
    await this.#running.catch(() => undefined)
    await this.#delay()
    this.#next = undefined
    const work = this.#work()
    this.#running = work
    return await work
  }
}
