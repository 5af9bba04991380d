/**
 * Work that is shared by all who ask for it before it begins. Who comes while it is under way waits for the next one,
 * which begins after it: so what it finds is never older than the call. One is under way at a time.
 */
export class CoalescedCall<T> {
  readonly #work: () => Promise<T>
  readonly #delay: () => Promise<void> | undefined
  #next: Promise<T> | undefined
  #running: Promise<unknown> = Promise.resolve()

  /** @param pause what the next one waits for before it begins, so that more callers share it; default: nothing. */
  constructor(work: () => Promise<T>, pause: () => Promise<void> | undefined = () => undefined) {
    this.#work = work
    this.#delay = pause
  }

  /** Rejects as the work does. */
  run(): Promise<T> {
    this.#next ??= this.#afterRunning()
    return this.#next
  }

  async #afterRunning(): Promise<T> {
    // Its failure is told to its own callers.
    await this.#running.catch(() => undefined)
    await this.#delay()
    this.#next = undefined
    const work = this.#work()
    this.#running = work
    return await work
  }
}
