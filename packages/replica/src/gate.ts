/** Lets at most `places` jobs run at the same time; the others wait in order. */
export class Gate {
  #free: number
  readonly #queue: (() => void)[] = []

  constructor(places: number) {
    this.#free = places
  }

  /** Runs `job` at once, in this turn, when there is a place; otherwise as soon as one is free. */
  async run(job: () => Promise<void>): Promise<void> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>((resolve) => this.#queue.push(resolve))
    try {
      await job()
    } finally {
      const waiting = this.#queue.shift()
      if (waiting) waiting()
      else this.#free += 1
    }
  }
}
