/**
 * Tells many short-lived listeners of one end. An `AbortSignal` would warn at the eleventh and search its list at every
 * removal; ten thousand reads may wait at the same time.
 */
export class Ending {
  readonly #listeners = new Set<() => void>()
  #ended = false

  get ended(): boolean {
    return this.#ended
  }

  /** Returns how to stop listening. Not called when the end was before. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  end(): void {
    this.#ended = true
    for (const listener of this.#listeners) listener()
    this.#listeners.clear()
  }
}
