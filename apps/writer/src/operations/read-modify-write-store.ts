import type { DocumentCodec, StoredDocument } from '@freshet/documents'
import type { Acknowledged, Decide, DocumentPlace, DocumentStore, Outcome } from '../store/contract.ts'
import { StoreError } from '../store/errors.ts'

/** So many runs, of some attempts each, before it is said that others were faster. */
const MAX_RUNS = 20

/** A read-modify-write; see `DocumentStore.change`. */
export type Change = <T>(
  place: DocumentPlace,
  decide: Decide<T>,
) => Promise<Acknowledged & { readonly value: T }>

/**
 * Writes that have something beside them, as a cause or an answer that is kept: each is a read-modify-write, since only a
 * transaction can write both.
 */
export class ReadModifyWriteStore implements DocumentStore {
  readonly change: Change
  readonly #codec: Pick<DocumentCodec, 'firstNotPlain'>

  constructor(change: Change, codec: Pick<DocumentCodec, 'firstNotPlain'>) {
    this.change = change
    this.#codec = codec
  }

  insert(place: DocumentPlace, document: StoredDocument): Promise<Outcome<'created' | 'taken'>> {
    return this.#decided(place, (stored) =>
      stored ? { write: 'keep', value: 'taken' } : { write: document, value: 'created' },
    )
  }

  replace(place: DocumentPlace, document: StoredDocument): Promise<Outcome<'created' | 'replaced'>> {
    return this.#decided(place, (stored) => ({ write: document, value: stored ? 'replaced' : 'created' }))
  }

  /** It looks, so it makes the document where none is. */
  replacePlain(
    place: DocumentPlace,
    document: StoredDocument,
  ): Promise<Outcome<'created' | 'replaced' | 'unsure'>> {
    return this.#decided(place, (stored) => {
      if (!stored) return { write: document, value: 'created' }
      return this.#codec.firstNotPlain(stored) === undefined
        ? { write: document, value: 'replaced' }
        : { write: 'keep', value: 'unsure' }
    })
  }

  remove(place: DocumentPlace): Promise<Outcome<'removed' | 'absent'>> {
    return this.#decided(place, (stored) =>
      stored ? { write: 'remove', value: 'removed' } : { write: 'keep', value: 'absent' },
    )
  }

  /**
   * Alone this is one command, which the server itself repeats for as long as others are faster. Here it is a
   * transaction, so it is begun again when its own attempts are used up: whoever is many times as patient comes through.
   */
  async #decided<T>(place: DocumentPlace, decide: Decide<T>): Promise<Outcome<T>> {
    for (let run = 1; ; run += 1) {
      try {
        const { value, ...acknowledged } = await this.change(place, decide)
        return { ...acknowledged, outcome: value }
      } catch (error) {
        if (run === MAX_RUNS || !(error instanceof StoreError && error.code === 'CONFLICT')) throw error
      }
    }
  }
}
