import type { Lineage } from '@freshet/protocol'
import type {
  Acknowledged,
  Decision,
  KeptDecision,
  Once,
  StoredDocument,
  StoredId,
  WriteStore,
} from './contract.ts'
import { mayBeOfKind } from './driver-errors.ts'
import { StoreError } from './errors.ts'

/** A store whose refusals that may have two reasons are looked into: one of them is what the collection is. */
export class ExplainingStore implements WriteStore {
  readonly #store: WriteStore
  readonly #cannotBeFollowed: (collection: string) => Promise<boolean>

  /** `cannotBeFollowed`: whether the collection is none that readers can follow; a rejection says that nobody knows. */
  constructor(store: WriteStore, cannotBeFollowed: (collection: string) => Promise<boolean>) {
    this.#store = store
    this.#cannotBeFollowed = cannotBeFollowed
  }

  insert(collection: string, document: StoredDocument): ReturnType<WriteStore['insert']> {
    return this.#explained(collection, this.#store.insert(collection, document))
  }

  replace(collection: string, id: StoredId, document: StoredDocument): ReturnType<WriteStore['replace']> {
    return this.#explained(collection, this.#store.replace(collection, id, document))
  }

  replacePlain(
    collection: string,
    id: StoredId,
    document: StoredDocument,
  ): ReturnType<WriteStore['replacePlain']> {
    return this.#explained(collection, this.#store.replacePlain(collection, id, document))
  }

  remove(collection: string, id: StoredId): ReturnType<WriteStore['remove']> {
    return this.#explained(collection, this.#store.remove(collection, id))
  }

  change<T>(
    collection: string,
    id: StoredId,
    decide: (stored: StoredDocument | undefined) => Decision<T>,
    cause?: Lineage,
  ): Promise<Acknowledged & { readonly value: T }> {
    return this.#explained(collection, this.#store.change(collection, id, decide, cause))
  }

  changeOnce<T>(
    collection: string,
    id: StoredId,
    key: Uint8Array,
    decide: (stored: StoredDocument | undefined) => KeptDecision<T>,
    cause?: Lineage,
  ): Promise<Acknowledged & { readonly value: Once<T> }> {
    return this.#explained(collection, this.#store.changeOnce(collection, id, key, decide, cause))
  }

  async #explained<T>(collection: string, work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      if (!mayBeOfKind(error) || !(await this.#isOfKind(collection))) throw error
      throw new StoreError('NOT_EXACT', 'a collection that cannot be followed', { cause: error })
    }
  }

  async #isOfKind(collection: string): Promise<boolean> {
    try {
      return await this.#cannotBeFollowed(collection)
    } catch {
      // Then the refusal stays what it is, which is told.
      return false
    }
  }
}
