import type { DocumentCodec, StoredDocument } from '@freshet/documents'
import type { Acknowledged, Decide, DocumentPlace, DocumentStore, Outcome } from '../store/contract.ts'
import { StoreError } from '../store/errors.ts'

/** Runs, of several attempts each, before reporting a conflict. */
const MAX_RUNS = 20

/** A read-modify-write; see `DocumentStore.change`. */
export type Change = <T>(
  place: DocumentPlace,
  decide: Decide<T>,
) => Promise<Acknowledged & { readonly value: T }>

/** Writes that also store a cause or an answer. Only a transaction can write both, so each is a read-modify-write. */
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

  /** A read-modify-write, so it can create a missing document right away. */
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
   * A plain write is one command, which the server retries internally for as long as others win. This is a transaction,
   * so it is run again when its attempts are used up.
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
