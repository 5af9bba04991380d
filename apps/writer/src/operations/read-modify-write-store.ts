import { firstNotPlain } from '@freshet/documents-mongodb'
import type { Acknowledged, Decision, DocumentStore, StoredDocument, StoredId } from '../store/contract.ts'
import { StoreError } from '../store/errors.ts'
import { storedIdOf } from '../store/mongodb/statements.ts'

/** So many runs, of some attempts each, before it is said that others were faster. */
const MAX_RUNS = 20

/** How a document is changed by looking first; see `DocumentStore.change`. */
export type Change = <T>(
  collection: string,
  id: StoredId,
  decide: (stored: StoredDocument | undefined) => Decision<T>,
) => Promise<Acknowledged & { readonly value: T }>

/**
 * Writes that have something beside them, as a cause or an answer that is kept: each is done by looking first, since
 * only a transaction can write both.
 */
export class LookingStore implements DocumentStore {
  readonly change: Change

  constructor(change: Change) {
    this.change = change
  }

  insert(collection: string, document: StoredDocument): ReturnType<DocumentStore['insert']> {
    return this.#decided(collection, storedIdOf(document), (stored) =>
      stored ? { write: 'keep', value: 'taken' } : { write: document, value: 'inserted' },
    )
  }

  replace(collection: string, id: StoredId, document: StoredDocument): ReturnType<DocumentStore['replace']> {
    return this.#decided(collection, id, (stored) => ({
      write: document,
      value: stored ? 'replaced' : 'created',
    }))
  }

  replacePlain(
    collection: string,
    id: StoredId,
    document: StoredDocument,
  ): ReturnType<DocumentStore['replacePlain']> {
    return this.#decided(collection, id, (stored) => {
      if (!stored) return { write: document, value: 'created' }
      return firstNotPlain(stored) === undefined
        ? { write: document, value: 'replaced' }
        : { write: 'keep', value: 'unsure' }
    })
  }

  remove(collection: string, id: StoredId): ReturnType<DocumentStore['remove']> {
    return this.#decided(collection, id, (stored) =>
      stored ? { write: 'remove', value: 'removed' } : { write: 'keep', value: 'absent' },
    )
  }

  /**
   * Alone this is one command, which the server itself repeats for as long as others are faster. Here it is a
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
