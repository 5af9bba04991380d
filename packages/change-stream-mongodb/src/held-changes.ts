import type { Change, Upsert } from '@freshet/protocol'

/**
 * The changes of a position whose end is not proved yet, kept from one reply to the next. The documents are views into
 * a reply that will go, so they are copied; above the limit only the keys are kept, and such documents are fetched
 * again when somebody asks for them.
 */
export class HeldChanges {
  readonly #maxBytes: number
  #changes: Change[] = []
  #bytes = 0
  #full = false

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Gives back all that is held and is empty then. Changes of the next reply may be added to the list. */
  take(): Change[] {
    const changes = this.#changes
    this.#changes = []
    return changes
  }

  /** The position ended. */
  reset(): void {
    this.#bytes = 0
    this.#full = false
  }

  /** Keeps these; the first `owned` of them came from {@link take} and need no copy. */
  keep(changes: Change[], owned: number): void {
    this.#changes = changes
    for (let i = owned; i < changes.length; i += 1) {
      const change = changes[i]
      if (change?.kind === 'upsert') changes[i] = this.#owning(change)
    }
  }

  #owning(change: Upsert): Change {
    this.#bytes += change.document.length
    if (!this.#full && this.#bytes > this.#maxBytes) {
      this.#full = true
      for (const [index, held] of this.#changes.entries())
        if (held.kind === 'upsert') this.#changes[index] = keyOf(held)
    }
    return this.#full ? keyOf(change) : { ...change, document: Buffer.from(change.document) }
  }
}

function keyOf({ collection, id, cause }: Upsert): Change {
  return { kind: 'invalidate', collection, id, ...(cause && { cause }) }
}
