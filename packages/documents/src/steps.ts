/** A document takes more steps to check than it may. */
export class TooManySteps extends Error {
  override readonly name = 'TooManySteps'
}

/**
 * What the check of one document may cost. Whoever does work that a document can make large takes its steps here before
 * or while it does it. A step is some nanoseconds.
 */
export class Steps {
  #left = Number.POSITIVE_INFINITY

  /** Begins a check that may take so many. */
  begin(limit: number): void {
    this.#left = limit
  }

  /** How many are left. */
  get left(): number {
    return this.#left
  }

  /** @throws {TooManySteps} there are not so many left. */
  take(steps: number): void {
    this.#left -= steps
    if (this.#left < 0) throw new TooManySteps('the check was ended')
  }
}
