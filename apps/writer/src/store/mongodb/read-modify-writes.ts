import type { StoredDocument } from '@freshet/documents'
import { idToBson, type StoredId } from '@freshet/documents-mongodb'
import { formatLineage, type Lineage } from '@freshet/protocol'
import { causesCollection } from '@freshet/mongodb-rules'
import { BSON, ObjectId, type Document, type RunCommandOptions } from 'mongodb'
import type { Acknowledged, Decide, Decision, DocumentPlace, Once, OnceKey } from '../contract.ts'
import { StoreError } from '../errors.ts'
import { KeptAnswers } from './kept-answers.ts'
import { LargerVersion, type LookRoom } from './look-room.ts'
import { refusedStatement, writeErrorOf } from './replies.ts'
import { exactly, listOfOne, removal, replacement } from './statements.ts'
import type { SnapshotTransactions, Transaction, Work } from './transactions.ts'

/** What read-modify-writes are made of. */
export interface ReadModifyWritesOptions {
  readonly database: string
  readonly transactions: Pick<SnapshotTransactions, 'run'>
  readonly room: LookRoom
}

/** One document that is looked at and changed within a transaction. */
interface Changing {
  readonly collection: string
  readonly id: StoredId
  readonly cause: Lineage | undefined
  readonly transaction: Transaction
  /** A larger version is not looked at. */
  readonly maxBytes: number
}

/** Looks at one document and writes it in one snapshot transaction of three commands. */
export class ReadModifyWrites {
  readonly #database: string
  readonly #transactions: Pick<SnapshotTransactions, 'run'>
  readonly #room: LookRoom
  readonly #answers: KeptAnswers

  constructor({ database, transactions, room }: ReadModifyWritesOptions) {
    this.#database = database
    this.#transactions = transactions
    this.#room = room
    this.#answers = new KeptAnswers(database)
  }

  /** With a cause: two commands more. @throws {StoreError} */
  change<T>(
    place: DocumentPlace,
    decide: Decide<T>,
    cause: Lineage | undefined,
  ): Promise<Acknowledged & { readonly value: T }> {
    return this.#run(place, cause, (changing) => this.#changed(changing, decide))
  }

  /** Two commands more than `change`. @throws {StoreError} */
  changeOnce<T>(
    place: DocumentPlace,
    { key, answerOf }: OnceKey,
    decide: Decide<T>,
    cause: Lineage | undefined,
  ): Promise<Acknowledged & { readonly value: Once<T> }> {
    return this.#run<Once<T>>(place, cause, async (changing) => {
      const { transaction } = changing
      const answer = await this.#answers.find(key, transaction)
      if (answer) return { value: { kind: 'before', answer }, wrote: false }
      const { value, wrote } = await this.#changed(changing, decide, (write, existed) =>
        this.#answers.keep(key, answerOf(write, existed), transaction),
      )
      return { value: { kind: 'done', value }, wrote }
    })
  }

  async #run<T>(
    { collection: { stored: collection, idType }, id: text }: DocumentPlace,
    cause: Lineage | undefined,
    work: (changing: Changing) => Promise<Work<T>>,
  ): Promise<Acknowledged & { readonly value: T }> {
    const id = idToBson(idType, text)
    try {
      return await this.#room.run((maxBytes) =>
        this.#transactions.run((transaction) => work({ collection, id, cause, transaction, maxBytes })),
      )
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'NOT_UNIQUE') throw error
      // The refused statement ended the transaction, and no majority may have the other document yet: a later
      // transaction that looks only is committed when one has.
      const { at } = await this.#transactions.run(async (transaction) => {
        await this.#find({ collection, id, transaction }, { projection: { _id: 1 } })
        return { value: undefined, wrote: false }
      })
      throw new StoreError(error.code, 'confirmed by a majority', { cause: error, at })
    }
  }

  /** `prepare`: what is to be done before the write, in its transaction. */
  async #changed<T>(
    changing: Changing,
    decide: Decide<T>,
    prepare?: (write: StoredDocument | 'remove', existed: boolean) => Promise<void>,
  ): Promise<Work<T>> {
    const stored = await this.#look(changing)
    const { write, value } = decide(stored)
    if (write === 'keep') return { value, wrote: false }
    await prepare?.(write, stored !== undefined)
    const reply = await this.#write(changing, commandOf(changing, stored !== undefined, write))
    // A document that is replaced by the same bytes stays as it is.
    return { value, wrote: (reply['nModified'] ?? reply['n']) === 1 }
  }

  /**
   * Tells the cause of the write, if it has one, by a record that is made and removed within the transaction: the feed
   * takes the one that it sees last for the cause of the next document, and the collection is always empty.
   */
  async #write({ cause, transaction }: Changing, command: Document): Promise<Document> {
    if (cause === undefined) return await this.#statement(command, transaction)
    const _id = new ObjectId()
    // As in the header `Freshet-Cause`.
    const record = { _id, cause: formatLineage(cause) }
    await this.#statement({ insert: causesCollection, documents: [record] }, transaction)
    const reply = await this.#statement(command, transaction)
    await this.#statement({ delete: causesCollection, deletes: [{ q: { _id }, limit: 1 }] }, transaction)
    return reply
  }

  /** One statement of a transaction. @throws {StoreError} it was refused */
  async #statement(command: Document, transaction: Transaction): Promise<Document> {
    const reply = await transaction.command(this.#database, command)
    const error = writeErrorOf(reply)
    if (error) throw refusedStatement(error)
    return reply
  }

  /** The bytes of the document as the transaction sees it. @throws {LargerVersion} */
  async #look(changing: Changing): Promise<StoredDocument | undefined> {
    const { maxBytes } = changing
    const small = { $expr: { $lte: [{ $bsonSize: '$$ROOT' }, maxBytes] } }
    const stored = await this.#find(changing, { filter: small })
    if (stored !== undefined) return stored
    // It is not there, or is too large: only its size is asked for.
    const sized = await this.#find(changing, { projection: { _id: 0, size: { $bsonSize: '$$ROOT' } } })
    if (sized === undefined) return undefined
    throw new LargerVersion(Number(BSON.deserialize(sized)['size']))
  }

  async #find(
    { collection, id, transaction }: Pick<Changing, 'collection' | 'id' | 'transaction'>,
    { filter, projection }: { readonly filter?: Document; readonly projection?: Document },
  ): Promise<StoredDocument | undefined> {
    const command = {
      find: collection,
      filter: { _id: id, ...filter },
      ...(projection && { projection }),
      limit: 1,
      singleBatch: true,
      ...exactly,
    }
    const raw: RunCommandOptions & { fieldsAsRaw: Document } = { fieldsAsRaw: { firstBatch: true } }
    const { cursor } = await transaction.command(this.#database, command, raw)
    const found: unknown = cursor.firstBatch[0]
    if (found === undefined || found instanceof Uint8Array) return found
    throw new TypeError('expected the bytes of a document')
  }
}

function commandOf(
  { collection, id }: Changing,
  exists: boolean,
  write: Exclude<Decision<unknown>['write'], 'keep'>,
): Document {
  if (write === 'remove') return { delete: collection, deletes: [removal(id)] }
  if (!exists) return { insert: collection, documents: listOfOne('documents', write) }
  return { update: collection, updates: listOfOne('updates', replacement(id, write, false)) }
}
