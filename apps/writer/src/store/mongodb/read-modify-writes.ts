import type { StoredDocument } from '@freshet/documents'
import { idToBson, type StoredId } from '@freshet/documents-mongodb'
import { causesCollection } from '@freshet/mongodb-rules'
import { formatLineage, type Lineage } from '@freshet/protocol'
import { BSON, ObjectId, type Document, type RunCommandOptions } from 'mongodb'
import type { Acknowledged, Decide, Decision, DocumentPlace, Once, OnceKey } from '../contract.ts'
import { StoreError } from '../errors.ts'
import { VersionTooLarge, type ReadBudget } from '../read-budget.ts'
import { exactly, listOf, refusedStatement, removal, replacement, writeErrorOf } from './statements.ts'
import { StoredAnswers } from './stored-answers.ts'
import type { SnapshotTransactions, Transaction, Work } from './transactions.ts'

/** Dependencies of read-modify-writes. */
export interface ReadModifyWritesOptions {
  readonly database: string
  readonly transactions: Pick<SnapshotTransactions, 'run'>
  readonly readBudget: Pick<ReadBudget, 'run'>
}

/** One document being changed within a transaction. */
interface Changing {
  readonly collection: string
  readonly id: StoredId
  readonly cause: Lineage | undefined
  readonly transaction: Transaction
  /** Larger versions are not read. */
  readonly maxBytes: number
}

/** Reads and writes one document in a snapshot transaction of three commands. */
export class ReadModifyWrites {
  readonly #database: string
  readonly #transactions: Pick<SnapshotTransactions, 'run'>
  readonly #readBudget: Pick<ReadBudget, 'run'>
  readonly #answers: StoredAnswers

  constructor({ database, transactions, readBudget }: ReadModifyWritesOptions) {
    this.#database = database
    this.#transactions = transactions
    this.#readBudget = readBudget
    this.#answers = new StoredAnswers(database)
  }

  /** A cause costs two more commands. @throws {StoreError} */
  change<T>(
    place: DocumentPlace,
    decide: Decide<T>,
    cause: Lineage | undefined,
  ): Promise<Acknowledged & { readonly value: T }> {
    return this.#run(place, cause, (changing) => this.#changed(changing, decide))
  }

  /** Costs two more commands than `change`. @throws {StoreError} */
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
      return await this.#readBudget.run((maxBytes) =>
        this.#transactions.run((transaction) => work({ collection, id, cause, transaction, maxBytes })),
      )
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'NOT_UNIQUE') throw error
      // The rejected statement ended the transaction, and the other document may not be majority-committed yet. A later
      // read-only transaction commits only once it is.
      const { at } = await this.#transactions.run(async (transaction) => {
        await this.#find({ collection, id, transaction }, { projection: { _id: 1 } })
        return { value: undefined, wrote: false }
      })
      throw new StoreError(error.code, 'confirmed by a majority', { cause: error, at })
    }
  }

  /** `prepare` runs before the write, in the same transaction. */
  async #changed<T>(
    changing: Changing,
    decide: Decide<T>,
    prepare?: (write: StoredDocument | 'remove', existed: boolean) => Promise<void>,
  ): Promise<Work<T>> {
    const stored = await this.#read(changing)
    const { write, value } = decide(stored)
    if (write === 'keep') return { value, wrote: false }
    await prepare?.(write, stored !== undefined)
    const reply = await this.#write(changing, commandOf(changing, stored !== undefined, write))
    // Replacing a document by the same bytes changes nothing.
    return { value, wrote: (reply['nModified'] ?? reply['n']) === 1 }
  }

  /**
   * Records the cause of the write, if any, by inserting and deleting a record in the transaction. The feed attaches
   * the last such record to the next document, and the collection stays empty.
   */
  async #write({ cause, transaction }: Changing, command: Document): Promise<Document> {
    if (cause === undefined) return await this.#statement(command, transaction)
    const _id = new ObjectId()
    // Same format as the header `Freshet-Cause`.
    const record = { _id, cause: formatLineage(cause) }
    await this.#statement({ insert: causesCollection, documents: [record] }, transaction)
    const reply = await this.#statement(command, transaction)
    await this.#statement({ delete: causesCollection, deletes: [{ q: { _id }, limit: 1 }] }, transaction)
    return reply
  }

  /** Runs one statement of a transaction. @throws {StoreError} it was rejected */
  async #statement(command: Document, transaction: Transaction): Promise<Document> {
    const reply = await transaction.command(this.#database, command)
    const error = writeErrorOf(reply)
    if (error) throw refusedStatement(error)
    return reply
  }

  /** The document's bytes as the transaction sees them. @throws {VersionTooLarge} */
  async #read(changing: Changing): Promise<StoredDocument | undefined> {
    const { maxBytes } = changing
    const small = { $expr: { $lte: [{ $bsonSize: '$$ROOT' }, maxBytes] } }
    const stored = await this.#find(changing, { filter: small })
    if (stored !== undefined) return stored
    // Missing or too large: request only its size.
    const sized = await this.#find(changing, { projection: { _id: 0, size: { $bsonSize: '$$ROOT' } } })
    if (sized === undefined) return undefined
    throw new VersionTooLarge(Number(BSON.deserialize(sized)['size']))
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
  if (!exists) return { insert: collection, documents: listOf('documents', write) }
  return { update: collection, updates: listOf('updates', replacement(id, write, false)) }
}
