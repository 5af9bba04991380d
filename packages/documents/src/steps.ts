/** Validating a document takes too many steps. */
export class TooManySteps extends Error {
  override readonly name = 'TooManySteps'
}

/**
 * Step budget for validating one document. Any work whose amount depends on the document must take steps here before or
 * while doing it. A step is some nanoseconds.
 */
export class Steps {
  #left = Number.POSITIVE_INFINITY

  /** Starts a validation with this budget. */
  begin(limit: number): void {
    this.#left = limit
  }

  /** Remaining steps. */
  get left(): number {
    return this.#left
  }

  /** @throws {TooManySteps} the budget is exhausted. */
  take(steps: number): void {
    this.#left -= steps
    if (this.#left < 0) throw new TooManySteps('the step budget is exhausted')
  }
}
