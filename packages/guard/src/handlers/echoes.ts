/** Writes whose changes were not heard yet; beyond that the oldest are forgotten. */
const MAX_ECHOES = 10_000

const nobody: ReadonlySet<string> = new Set()

/**
 * Which handlers of this process wrote a document last, until one handler hears its change. A guess: somebody else's change of
 * the same document may come first. So it only feeds the breaker, which has patience.
 */
export class Echoes {
  readonly #collections: ReadonlySet<string>
  readonly #writers = new Map<string, ReadonlySet<string>>()

  /** @param collections whose changes the handler hears. */
  constructor(collections: readonly string[]) {
    this.#collections = new Set(collections)
  }

  /** `handlers` wrote, one because of the other. */
  wrote(key: string, handlers: ReadonlySet<string>): void {
    if (!this.#collections.has(key.slice(0, key.indexOf('/')))) return
    this.#writers.delete(key)
    this.#writers.set(key, handlers)
    if (this.#writers.size <= MAX_ECHOES) return
    for (const oldest of this.#writers.keys()) {
      this.#writers.delete(oldest)
      return
    }
  }

  /** Who may have caused the change that is heard now. */
  heard(key: string): ReadonlySet<string> {
    const handlers = this.#writers.get(key)
    if (handlers === undefined) return nobody
    this.#writers.delete(key)
    return handlers
  }
}
