import type { Clock } from '@freshet/kit'
import { ProblemError, type Lineage } from '@freshet/protocol'
import type {
  Acknowledged,
  Decision,
  KeptDecision,
  Once,
  StoredDocument,
  StoredId,
  WriteStore,
} from './store/contract.ts'

/**
 * A store that takes on only so many writes at once, and remembers when the last one was acknowledged. Further ones
 * are refused at once: a queue would only make all of them late.
 */
export class BoundedStore implements WriteStore {
  readonly #store: WriteStore
  readonly #maxWrites: number
  readonly #clock: Clock
  #inFlight = 0
  #acknowledged = 0
  #lastAt: number | undefined
  #wroteAt: number | undefined

  constructor(store: WriteStore, maxWrites: number, clock: Clock) {
    this.#store = store
    this.#maxWrites = maxWrites
    this.#clock = clock
  }

  /** Writes that are under way now. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** Operations that a majority acknowledged, since the start. */
  get acknowledged(): number {
    return this.#acknowledged
  }

  /** When the last operation was acknowledged, by the clock. */
  get lastAt(): number | undefined {
    return this.#lastAt
  }

  /** When the last one that changed something was acknowledged, by the clock. */
  get wroteAt(): number | undefined {
    return this.#wroteAt
  }

  insert(collection: string, document: StoredDocument): ReturnType<WriteStore['insert']> {
    return this.#bounded(() => this.#store.insert(collection, document))
  }

  replace(collection: string, id: StoredId, document: StoredDocument): ReturnType<WriteStore['replace']> {
    return this.#bounded(() => this.#store.replace(collection, id, document))
  }

  replacePlain(
    collection: string,
    id: StoredId,
    document: StoredDocument,
  ): ReturnType<WriteStore['replacePlain']> {
    return this.#bounded(() => this.#store.replacePlain(collection, id, document))
  }

  remove(collection: string, id: StoredId): ReturnType<WriteStore['remove']> {
    return this.#bounded(() => this.#store.remove(collection, id))
  }

  change<T>(
    collection: string,
    id: StoredId,
    decide: (stored: StoredDocument | undefined) => Decision<T>,
    cause?: Lineage,
  ): Promise<Acknowledged & { readonly value: T }> {
    return this.#bounded(() => this.#store.change(collection, id, decide, cause))
  }

  changeOnce<T>(
    collection: string,
    id: StoredId,
    key: Uint8Array,
    decide: (stored: StoredDocument | undefined) => KeptDecision<T>,
    cause?: Lineage,
  ): Promise<Acknowledged & { readonly value: Once<T> }> {
    return this.#bounded(() => this.#store.changeOnce(collection, id, key, decide, cause))
  }

  async #bounded<T extends Acknowledged>(work: () => Promise<T>): Promise<T> {
    if (this.#inFlight >= this.#maxWrites)
      throw new ProblemError('overloaded', { detail: `${this.#maxWrites} writes are under way.` })
    this.#inFlight++
    try {
      const result = await work()
      this.#acknowledged++
      this.#lastAt = this.#clock.now()
      if (result.wrote) this.#wroteAt = this.#lastAt
      return result
    } finally {
      this.#inFlight--
    }
  }
}
