/** An epoch that has seen so many transactions since has none left from before. */
const FAR = 2 ** 30

/**
 * Which transactions may show values as a type printed them before it was changed. An enum or a composite type is changed without a
 * lock on the tables that use it, and a transaction that wrote before and ends afterwards is decoded with the old definition.
 */
export class ChangedDefinitions {
  /** The low 32 bits of a transaction id: those with smaller ones may have begun before the latest change. */
  #from: number | 'unknown' | undefined

  #changes = 0

  /** How many were reported. */
  get changes(): number {
    return this.#changes
  }

  /** Whether `next` is missing. */
  get unknown(): boolean {
    return this.#from === 'unknown'
  }

  /** A transaction that changed definitions was reported. */
  changed(): void {
    this.#changes += 1
    this.#from = 'unknown'
  }

  /** @param xid one that the server assigned after the latest change was reported. */
  next(xid: number): void {
    this.#from = xid
  }

  /** Whether a transaction may have begun before the latest change. */
  mayPrecede(xid: number): boolean {
    if (this.#from === undefined || this.#from === 'unknown') return this.#from !== undefined
    const after = (xid - this.#from) | 0
    if (after > FAR) this.#from = undefined
    return after < 0
  }
}
