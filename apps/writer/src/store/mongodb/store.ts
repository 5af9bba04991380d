import type { Lineage, Position } from '@freshet/protocol'
import { causesCollection } from '@freshet/roles'
import { BSON, type Document, type RunCommandOptions } from 'mongodb'
import { recordOf } from './causes.ts'
import type { DatabaseConnection } from './connection.ts'
import type {
  Acknowledged,
  Decision,
  KeptDecision,
  Once,
  StoredDocument,
  StoredId,
  WriteStore,
} from '../contract.ts'
import { orUntimed, storeErrorOf, wroteNothing } from './driver-errors.ts'
import { StoreError } from '../errors.ts'
import { KeptAnswers } from './kept-answers.ts'
import { databaseOf } from './database-of.ts'
import { LargerVersion, type LookRoom } from './look-room.ts'
import { exactly, listOfOne, plainReplacement, removal, replacement } from './statements.ts'
import { isTakenId, positionIn, refusedStatement, writeErrorOf } from './replies.ts'
import { SnapshotTransactions, type Retries, type Transaction, type Work } from './transactions.ts'

/** What the store is made of. */
export interface MongoStoreOptions {
  readonly connection: Pick<DatabaseConnection, 'writes'>
  readonly database: string
  /** How long a majority may take to acknowledge, in milliseconds; then the outcome is unknown. */
  readonly acknowledgeWithinMs: number
  readonly retries: Retries
  /** A position that is not before what a majority has now; for replies that tell no time. */
  readonly later: () => Promise<Position>
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

/**
 * The store over the driver. Commands go out as commands, not by the driver's helpers: only the reply of a command
 * shows its `operationTime`, and only a command can carry bytes that are BSON already.
 */
export class MongoStore implements WriteStore {
  readonly #connection: Pick<DatabaseConnection, 'writes'>
  readonly #database: string
  readonly #durable: Document
  readonly #acknowledgeWithinMs: number
  readonly #later: () => Promise<Position>
  readonly #transactions: SnapshotTransactions
  readonly #answers: KeptAnswers
  readonly #room: LookRoom

  constructor(options: MongoStoreOptions) {
    const { connection, database, acknowledgeWithinMs, later } = options
    this.#connection = connection
    this.#database = database
    this.#durable = { w: 'majority', j: true, wtimeout: acknowledgeWithinMs }
    this.#acknowledgeWithinMs = acknowledgeWithinMs
    this.#later = later
    this.#transactions = new SnapshotTransactions(options)
    this.#room = options.room
    this.#answers = new KeptAnswers(database)
  }

  async insert(
    collection: string,
    document: StoredDocument,
  ): Promise<Acknowledged & { outcome: 'inserted' | 'taken' }> {
    const { reply, at } = await this.#write({
      insert: collection,
      documents: listOfOne('documents', document),
    })
    const error = writeErrorOf(reply)
    if (error && !isTakenId(error)) throw refusedStatement(error, at)
    // The server waits for the majority after a refused statement too, up to the last thing that it had seen then.
    return { outcome: error ? 'taken' : 'inserted', wrote: !error, at }
  }

  async replace(
    collection: string,
    id: StoredId,
    document: StoredDocument,
  ): Promise<Acknowledged & { outcome: 'created' | 'replaced' }> {
    const updates = listOfOne('updates', replacement(id, document, true))
    const { reply, at } = await this.#write({ update: collection, updates })
    const error = writeErrorOf(reply)
    if (error) throw refusedStatement(error, at)
    const created = Array.isArray(reply['upserted'])
    return {
      outcome: created ? 'created' : 'replaced',
      wrote: created || reply['nModified'] === 1,
      at,
    }
  }

  async replacePlain(
    collection: string,
    id: StoredId,
    document: StoredDocument,
  ): Promise<Acknowledged & { outcome: 'replaced' | 'unsure' }> {
    const updates = listOfOne('updates', plainReplacement(id, document))
    // The one command whose filter looks into a document: it ends on the server when nobody waits for it any more.
    const maxTimeMS = this.#acknowledgeWithinMs
    const { reply, at } = await this.#write({ update: collection, updates, maxTimeMS })
    // A statement that is refused, as for a text that is no UTF-8, tells as little as one that finds nothing.
    const replaced = writeErrorOf(reply) === undefined && reply['n'] === 1
    return {
      outcome: replaced ? 'replaced' : 'unsure',
      wrote: reply['nModified'] === 1,
      at,
    }
  }

  async remove(collection: string, id: StoredId): Promise<Acknowledged & { outcome: 'removed' | 'absent' }> {
    const { reply, at } = await this.#write({ delete: collection, deletes: [removal(id)] })
    const error = writeErrorOf(reply)
    if (error) throw refusedStatement(error)
    const wrote = reply['n'] === 1
    return { outcome: wrote ? 'removed' : 'absent', wrote, at }
  }

  change<T>(
    collection: string,
    id: StoredId,
    decide: (stored: StoredDocument | undefined) => Decision<T>,
    cause?: Lineage,
  ): Promise<Acknowledged & { value: T }> {
    return this.#looking(collection, id, (transaction, maxBytes) =>
      this.#changed({ collection, id, cause, transaction, maxBytes }, decide),
    )
  }

  changeOnce<T>(
    collection: string,
    id: StoredId,
    key: Uint8Array,
    decide: (stored: StoredDocument | undefined) => KeptDecision<T>,
    cause?: Lineage,
  ): Promise<Acknowledged & { value: Once<T> }> {
    return this.#looking<Once<T>>(collection, id, async (transaction, maxBytes) => {
      const answer = await this.#answers.find(key, transaction)
      if (answer) return { value: { kind: 'before', answer }, wrote: false }
      const { value, wrote } = await this.#changed(
        { collection, id, cause, transaction, maxBytes },
        decide,
        async (decision) => {
          if (decision.write !== 'keep') await this.#answers.keep(key, decision.answer, transaction)
        },
      )
      return { value: { kind: 'done', value }, wrote }
    })
  }

  /** Runs work that looks at one document. */
  async #looking<T>(
    collection: string,
    id: StoredId,
    work: (transaction: Transaction, maxBytes: number) => Promise<Work<T>>,
  ): Promise<Acknowledged & { value: T }> {
    try {
      return await this.#room.run((maxBytes) =>
        this.#transactions.run((transaction) => work(transaction, maxBytes)),
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
  async #changed<T, D extends Decision<T>>(
    changing: Changing,
    decide: (stored: StoredDocument | undefined) => D & Decision<T>,
    prepare?: (decision: D) => Promise<void>,
  ): Promise<Work<T>> {
    const { collection, id, cause, transaction } = changing
    const stored = await this.#look(changing)
    const decision = decide(stored)
    await prepare?.(decision)
    const { write, value } = decision
    if (write === 'keep') return { value, wrote: false }
    const command = commandOf(collection, id, stored !== undefined, write)
    const reply = await this.#tellingCause(cause, transaction, () => this.#statement(command, transaction))
    // A document that is replaced by the same bytes stays as it is.
    return { value, wrote: (reply['nModified'] ?? reply['n']) === 1 }
  }

  /** The feed takes the cause that it sees last for the one of the next document in the same transaction. */
  async #tellingCause<T>(
    cause: Lineage | undefined,
    transaction: Transaction,
    write: () => Promise<T>,
  ): Promise<T> {
    if (cause === undefined) return await write()
    const record = recordOf(cause)
    await this.#statement({ insert: causesCollection, documents: [record] }, transaction)
    const done = await write()
    await this.#statement(
      { delete: causesCollection, deletes: [{ q: { _id: record._id }, limit: 1 }] },
      transaction,
    )
    return done
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

  /** A write by itself, and its position; of one that is refused or finds nothing, a position after that was seen. */
  async #write(command: Document): Promise<{ readonly reply: Document; readonly at: Position }> {
    let reply: Document
    try {
      const db = databaseOf(this.#connection.writes, this.#database)
      reply = await db.command({ ...command, writeConcern: this.#durable })
    } catch (error) {
      throw storeErrorOf(error, wroteNothing(error) ? 'confirm' : 'write')
    }
    const at = positionIn(reply) ?? (await orUntimed(this.#later(), reply['n'] === 0 ? 'confirm' : 'write'))
    return { reply, at }
  }
}

function commandOf(
  collection: string,
  id: StoredId,
  exists: boolean,
  write: StoredDocument | 'remove',
): Document {
  if (write === 'remove') return { delete: collection, deletes: [removal(id)] }
  if (!exists) return { insert: collection, documents: listOfOne('documents', write) }
  return { update: collection, updates: listOfOne('updates', replacement(id, write, false)) }
}
