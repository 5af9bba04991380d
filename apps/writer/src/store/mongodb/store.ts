import type { StoredDocument } from '@freshet/documents'
import { idToBson } from '@freshet/documents-mongodb'
import type { Lineage, Position } from '@freshet/protocol'
import type { Document } from 'mongodb'
import type { Acknowledged, Decide, DocumentPlace, Once, OnceKey, Outcome, WriteStore } from '../contract.ts'
import type { CollectionChecks } from '../collection-checks.ts'
import { databaseOf, type DatabaseConnection } from './connection.ts'
import { orUntimed, storeErrorOf, wroteNothing } from './driver-errors.ts'
import { GroupedInserts } from './grouped-inserts.ts'
import type { ReadModifyWrites } from './read-modify-writes.ts'
import { RepeatableWrite } from './repeatable-write.ts'
import {
  listOf,
  plainReplacement,
  positionIn,
  refusedStatement,
  removal,
  replacement,
  writeErrorOf,
} from './statements.ts'

/** Dependencies of the store. */
export interface MongoStoreOptions {
  readonly connection: Pick<DatabaseConnection, 'writes'>
  readonly database: string
  /** How long a majority may take to acknowledge, in milliseconds. After that, the outcome is unknown. */
  readonly acknowledgeWithinMs: number
  /** A position that is not before the majority's current one, for replies without a time. */
  readonly latestPosition: () => Promise<Position>
  readonly changes: Pick<ReadModifyWrites, 'change' | 'changeOnce'>
  readonly checks: Pick<CollectionChecks, 'around'>
}

/** A reply and its position. If the write was rejected or matched nothing, a position after that was observed. */
interface Reply {
  readonly reply: Document
  readonly at: Position
}

/**
 * The store over the driver. Sends raw commands instead of using the driver's helpers: only a command's reply contains
 * `operationTime`, and only a command accepts BSON bytes.
 */
export class MongoStore implements WriteStore {
  readonly #options: MongoStoreOptions
  readonly #durable: Document
  readonly #inserts: GroupedInserts

  constructor(options: MongoStoreOptions) {
    this.#options = options
    const { latestPosition, acknowledgeWithinMs } = options
    this.#durable = { w: 'majority', j: true, wtimeout: acknowledgeWithinMs }
    this.#inserts = new GroupedInserts({
      run: (command) => this.#run(command),
      repeatable: () => new RepeatableWrite(options.connection.writes, options.database, this.#durable),
      acknowledgeWithinMs,
      latestPosition,
    })
  }

  insert(place: DocumentPlace, document: StoredDocument): Promise<Outcome<'created' | 'taken'>> {
    return this.#checked(place, ({ stored: collection }) => this.#inserts.insert(collection, document))
  }

  replace(place: DocumentPlace, document: StoredDocument): Promise<Outcome<'created' | 'replaced'>> {
    return this.#checked(place, async ({ stored: collection }) => {
      const updates = listOf('updates', replacement(idIn(place), document, true))
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
      const updates = listOf('updates', plainReplacement(idIn(place), document))
      // The only command whose filter inspects document contents. `maxTimeMS` ends it when nobody waits any more.
      const maxTimeMS = this.#options.acknowledgeWithinMs
      const { reply, at } = await this.#write({ update: collection, updates, maxTimeMS })
      // A rejected statement, for example on a string that is not UTF-8, says as little as one that matches nothing.
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
    return this.#options.checks.around(collection, () => write(collection))
  }

  async #write(command: Document): Promise<Reply> {
    let reply: Document
    try {
      reply = await this.#run(command)
    } catch (error) {
      throw storeErrorOf(error, wroteNothing(error) ? 'confirm' : 'write')
    }
    const stage = reply['n'] === 0 ? 'confirm' : 'write'
    return {
      reply,
      at: positionIn(reply) ?? (await orUntimed(this.#options.latestPosition(), stage)),
    }
  }

  async #run(command: Document): Promise<Document> {
    const { connection, database } = this.#options
    return await databaseOf(connection.writes, database).command({ ...command, writeConcern: this.#durable })
  }
}

function idIn({ collection, id }: DocumentPlace): ReturnType<typeof idToBson> {
  return idToBson(collection.idType, id)
}
