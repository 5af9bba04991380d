import type { Change, Upsert } from '@freshet/protocol'

/**
 * Buffers the changes of a position whose end is not yet proved. The documents are views into a reply's buffer, so they
 * are copied. Above the limit only keys are kept, and the documents are read again when requested.
 */
export class BufferedChanges {
  readonly #maxBytes: number
  #changes: Change[] = []
  #bytes = 0
  #full = false

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Returns the buffered changes and clears the buffer. The caller may append to the list. */
  take(): Change[] {
    const changes = this.#changes
    this.#changes = []
    return changes
  }

  /** Clears the buffer after the position has ended. */
  reset(): void {
    this.#bytes = 0
    this.#full = false
  }

  /** Buffers changes. The first `owned` of them came from {@link take} and need no copy. */
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
