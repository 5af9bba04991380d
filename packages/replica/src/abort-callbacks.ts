interface Entry {
  readonly callbacks: Set<() => void>
  readonly listener: () => void
}

/**
 * Calls functions when a signal aborts, with one listener per signal: Node.js warns about a leak from the eleventh
 * listener on.
 */
export class AbortCallbacks {
  readonly #bySignal = new WeakMap<AbortSignal, Entry>()

  add(signal: AbortSignal, callback: () => void): void {
    const known = this.#bySignal.get(signal)
    if (known !== undefined) {
      known.callbacks.add(callback)
      return
    }
    const callbacks = new Set([callback])
    const listener = (): void => {
      for (const each of callbacks) each()
    }
    this.#bySignal.set(signal, { callbacks, listener })
    signal.addEventListener('abort', listener, { once: true })
  }

  /** Idempotent. The last one removes the listener. */
  delete(signal: AbortSignal, callback: () => void): void {
    const entry = this.#bySignal.get(signal)
    if (!entry?.callbacks.delete(callback) || entry.callbacks.size > 0) return
    this.#bySignal.delete(signal)
    signal.removeEventListener('abort', entry.listener)
  }
}
