import type { StoredDocument } from '@freshet/documents'
import { idToBson } from '@freshet/documents-mongodb'
import type { Lineage, Position } from '@freshet/protocol'
import type { Document } from 'mongodb'
import type { Acknowledged, Decide, DocumentPlace, Once, OnceKey, Outcome, WriteStore } from '../contract.ts'
import { databaseOf } from './client.ts'
import type { CollectionChecks } from './collection-checks.ts'
import type { DatabaseConnection } from './connection.ts'
import { orUntimed, storeErrorOf, wroteNothing } from './driver-errors.ts'
import type { ReadModifyWrites } from './read-modify-writes.ts'
import { isTakenId, positionIn, refusedStatement, writeErrorOf } from './replies.ts'
import { listOfOne, plainReplacement, removal, replacement } from './statements.ts'

/** What the store is made of. */
export interface MongoStoreOptions {
  readonly connection: Pick<DatabaseConnection, 'writes'>
  readonly database: string
  /** How long a majority may take to acknowledge, in milliseconds; then the outcome is unknown. */
  readonly acknowledgeWithinMs: number
  /** A position that is not before what a majority has now; for replies that tell no time. */
  readonly later: () => Promise<Position>
  readonly changes: Pick<ReadModifyWrites, 'change' | 'changeOnce'>
  readonly checks: Pick<CollectionChecks, 'around'>
}

/** A reply, and its position; of a write that is refused or finds nothing, a position after that was seen. */
interface Reply {
  readonly reply: Document
  readonly at: Position
}

/**
 * The store over the driver. Writes go out as commands, not by the driver's helpers: only the reply of a command shows
 * its `operationTime`, and only a command can carry bytes that are BSON already.
 */
export class MongoStore implements WriteStore {
  readonly #options: MongoStoreOptions
  readonly #durable: Document

  constructor(options: MongoStoreOptions) {
    this.#options = options
    this.#durable = { w: 'majority', j: true, wtimeout: options.acknowledgeWithinMs }
  }

  insert(place: DocumentPlace, document: StoredDocument): Promise<Outcome<'created' | 'taken'>> {
    return this.#checked(place, async ({ stored: collection }) => {
      const { reply, at } = await this.#write({
        insert: collection,
        documents: listOfOne('documents', document),
      })
      const error = writeErrorOf(reply)
      if (error && !isTakenId(error)) throw refusedStatement(error, at)
      // The server waits for the majority after a refused statement too, up to the last thing that it had seen then.
      return { outcome: error ? 'taken' : 'created', wrote: !error, at }
    })
  }

  replace(place: DocumentPlace, document: StoredDocument): Promise<Outcome<'created' | 'replaced'>> {
    return this.#checked(place, async ({ stored: collection }) => {
      const updates = listOfOne('updates', replacement(idIn(place), document, true))
      const { reply, at } = await this.#write({ update: collection, updates })
      const error = writeErrorOf(reply)
      if (error) throw refusedStatement(error, at)
      const created = Array.isArray(reply['upserted'])
      return {
        outcome: created ? 'created' : 'replaced',
        wrote: created || reply['nModified'] === 1,
        at,
      }
    })
  }

  replacePlain(place: DocumentPlace, document: StoredDocument): Promise<Outcome<'replaced' | 'unsure'>> {
    return this.#checked(place, async ({ stored: collection }) => {
      const updates = listOfOne('updates', plainReplacement(idIn(place), document))
      // The one command whose filter looks into a document: it ends on the server when nobody waits for it any more.
      const maxTimeMS = this.#options.acknowledgeWithinMs
      const { reply, at } = await this.#write({ update: collection, updates, maxTimeMS })
      // A statement that is refused, as for a text that is no UTF-8, tells as little as one that finds nothing.
      const replaced = writeErrorOf(reply) === undefined && reply['n'] === 1
      return { outcome: replaced ? 'replaced' : 'unsure', wrote: reply['nModified'] === 1, at }
    })
  }

  remove(place: DocumentPlace): Promise<Outcome<'removed' | 'absent'>> {
    return this.#checked(place, async ({ stored: collection }) => {
      const { reply, at } = await this.#write({ delete: collection, deletes: [removal(idIn(place))] })
      const error = writeErrorOf(reply)
      if (error) throw refusedStatement(error)
      const wrote = reply['n'] === 1
      return { outcome: wrote ? 'removed' : 'absent', wrote, at }
    })
  }

  change<T>(
    place: DocumentPlace,
    decide: Decide<T>,
    cause?: Lineage,
  ): Promise<Acknowledged & { readonly value: T }> {
    return this.#checked(place, () => this.#options.changes.change(place, decide, cause))
  }

  changeOnce<T>(
    place: DocumentPlace,
    once: OnceKey,
    decide: Decide<T>,
    cause?: Lineage,
  ): Promise<Acknowledged & { readonly value: Once<T> }> {
    return this.#checked(place, () => this.#options.changes.changeOnce(place, once, decide, cause))
  }

  #checked<T extends Acknowledged & { readonly outcome?: string }>(
    { collection }: DocumentPlace,
    write: (collection: DocumentPlace['collection']) => Promise<T>,
  ): Promise<T> {
    return this.#options.checks.around(collection.stored, () => write(collection))
  }

  async #write(command: Document): Promise<Reply> {
    const { connection, database, later } = this.#options
    let reply: Document
    try {
      const db = databaseOf(connection.writes, database)
      reply = await db.command({ ...command, writeConcern: this.#durable })
    } catch (error) {
      throw storeErrorOf(error, wroteNothing(error) ? 'confirm' : 'write')
    }
    const at = positionIn(reply) ?? (await orUntimed(later(), reply['n'] === 0 ? 'confirm' : 'write'))
    return { reply, at }
  }
}

function idIn({ collection, id }: DocumentPlace): ReturnType<typeof idToBson> {
  return idToBson(collection.idType, id)
}
