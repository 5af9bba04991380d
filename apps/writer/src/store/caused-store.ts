import { firstNotPlain } from '@freshet/collections'
import type { Lineage } from '@freshet/protocol'
import type { Acknowledged, Decision, StoredDocument, StoredId, WriteStore } from './contract.ts'
import { StoreError } from './errors.ts'
import { storedIdOf } from './raw.ts'

/** So many runs, of some attempts each, before it is said that others were faster. */
const MAX_RUNS = 20

/** Writes that descend from changes: each is done by looking first, since only a transaction can tell its cause. */
export class CausedStore implements WriteStore {
  readonly #store: Pick<WriteStore, 'change'>
  readonly #cause: Lineage

  constructor(store: Pick<WriteStore, 'change'>, cause: Lineage) {
    this.#store = store
    this.#cause = cause
  }

  insert(collection: string, document: StoredDocument): ReturnType<WriteStore['insert']> {
    return this.#decided(collection, storedIdOf(document), (stored) =>
      stored ? { write: 'keep', value: 'taken' } : { write: document, value: 'inserted' },
    )
  }

  replace(collection: string, id: StoredId, document: StoredDocument): ReturnType<WriteStore['replace']> {
    return this.#decided(collection, id, (stored) => ({
      write: document,
      value: stored ? 'replaced' : 'created',
    }))
  }

  replacePlain(
    collection: string,
    id: StoredId,
    document: StoredDocument,
  ): ReturnType<WriteStore['replacePlain']> {
    return this.#decided(collection, id, (stored) =>
      stored && firstNotPlain(stored) === undefined
        ? { write: document, value: 'replaced' }
        : { write: 'keep', value: 'unsure' },
    )
  }

  remove(collection: string, id: StoredId): ReturnType<WriteStore['remove']> {
    return this.#decided(collection, id, (stored) =>
      stored ? { write: 'remove', value: 'removed' } : { write: 'keep', value: 'absent' },
    )
  }

  change<T>(
    collection: string,
    id: StoredId,
    decide: (stored: StoredDocument | undefined) => Decision<T>,
  ): Promise<Acknowledged & { readonly value: T }> {
    return this.#store.change(collection, id, decide, this.#cause)
  }

  /**
   * Without a cause this is one command, which the server itself repeats for as long as others are faster. Here it is a
   * transaction, so it is begun again when its own attempts are used up: whoever is many times as patient comes through.
   */
  async #decided<T>(
    collection: string,
    id: StoredId,
    decide: (stored: StoredDocument | undefined) => Decision<T>,
  ): Promise<Acknowledged & { readonly outcome: T }> {
    for (let run = 1; ; run += 1) {
      try {
        const { value, ...acknowledged } = await this.change(collection, id, decide)
        return { ...acknowledged, outcome: value }
      } catch (error) {
        if (run === MAX_RUNS || !(error instanceof StoreError && error.code === 'CONFLICT')) throw error
      }
    }
  }
}
