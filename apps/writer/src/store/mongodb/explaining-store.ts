import type { Lineage } from '@freshet/protocol'
import type { CollectionKinds } from './collection-kinds.ts'
import type {
  Acknowledged,
  Decision,
  KeptDecision,
  Once,
  StoredDocument,
  StoredId,
  WriteStore,
} from '../contract.ts'
import { mayBeOfKind } from './driver-errors.ts'
import { StoreError } from '../errors.ts'

/**
 * A store that refuses to write where readers refuse to read. It looks at what a collection is before its first write, now
 * and then while it is written, and when a write found nothing or was refused for a reason that may also be this one.
 */
export class ExplainingStore implements WriteStore {
  readonly #store: WriteStore
  readonly #kinds: CollectionKinds

  constructor(store: WriteStore, kinds: CollectionKinds) {
    this.#store = store
    this.#kinds = kinds
  }

  insert(collection: string, document: StoredDocument): ReturnType<WriteStore['insert']> {
    return this.#explained(collection, () => this.#store.insert(collection, document))
  }

  replace(collection: string, id: StoredId, document: StoredDocument): ReturnType<WriteStore['replace']> {
    return this.#explained(collection, () => this.#store.replace(collection, id, document))
  }

  replacePlain(
    collection: string,
    id: StoredId,
    document: StoredDocument,
  ): ReturnType<WriteStore['replacePlain']> {
    return this.#explained(collection, () => this.#store.replacePlain(collection, id, document))
  }

  remove(collection: string, id: StoredId): ReturnType<WriteStore['remove']> {
    return this.#explained(collection, () => this.#store.remove(collection, id))
  }

  change<T>(
    collection: string,
    id: StoredId,
    decide: (stored: StoredDocument | undefined) => Decision<T>,
    cause?: Lineage,
  ): Promise<Acknowledged & { readonly value: T }> {
    return this.#explained(collection, () => this.#store.change(collection, id, decide, cause))
  }

  changeOnce<T>(
    collection: string,
    id: StoredId,
    key: Uint8Array,
    decide: (stored: StoredDocument | undefined) => KeptDecision<T>,
    cause?: Lineage,
  ): Promise<Acknowledged & { readonly value: Once<T> }> {
    return this.#explained(collection, () => this.#store.changeOnce(collection, id, key, decide, cause))
  }

  async #explained<T extends Acknowledged & { readonly outcome?: string }>(
    collection: string,
    write: () => Promise<T>,
  ): Promise<T> {
    const before = this.#kinds.before(collection)
    if (before !== undefined) expectNone(await before)
    try {
      const done = await write()
      // What finds nothing may do so because of what the collection is. After `unsure` more is to come.
      if (!done.wrote && done.outcome !== 'unsure') await this.#look(collection)
      return done
    } catch (error) {
      if (mayBeOfKind(error)) await this.#look(collection, error)
      throw error
    }
  }

  /** Leaves things as they are when the look fails: the write has its outcome. @throws {StoreError} NOT_EXACT */
  async #look(collection: string, cause?: unknown): Promise<void> {
    expectNone(await this.#kinds.now(collection).catch(() => undefined), cause)
  }
}

/** @throws {StoreError} NOT_EXACT */
function expectNone(reason: string | undefined, cause?: unknown): void {
  if (reason !== undefined) throw new StoreError('NOT_EXACT', reason, { cause })
}
