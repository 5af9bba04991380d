/** Lets at most `places` jobs run at the same time; the others wait in order. */
export class Gate {
  #free: number
  readonly #line = new Set<() => void>()

  constructor(places: number) {
    this.#free = places
  }

  /**
   * Runs `job`, which must not reject, at once and in this turn when there is a place; otherwise as soon as one is free.
   * Returns how to leave the line; a job that has begun goes on.
   */
  enter(job: () => Promise<void>): () => void {
    const begin = (): void => void this.#run(job)
    if (this.#free > 0) {
      this.#free -= 1
      begin()
    } else this.#line.add(begin)
    return () => void this.#line.delete(begin)
  }

  async #run(job: () => Promise<void>): Promise<void> {
    try {
      await job()
    } finally {
      this.#next()
    }
  }

  #next(): void {
    for (const begin of this.#line) {
      this.#line.delete(begin)
      return begin()
    }
    this.#free += 1
  }
}
