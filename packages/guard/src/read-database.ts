import type { Document, Filter, Sort } from 'mongodb'
import type { ReadCommand, ReadConnection } from './contract.ts'
import type { Frozen } from './frozen.ts'
import { ReadCursor } from './read-cursor.ts'
import type { ReadLimits } from './read-cursor.ts'
import type { ReadPipeline } from './read-pipeline.ts'
import { defineRefusedVerbs, refusedCollectionVerbs, refusedDatabaseVerbs } from './refused-verbs.ts'
import type { CollectionVerb, DatabaseVerb, RefusedVerbs } from './refused-verbs.ts'

/** Options of a `find`, named as the server names them. */
export interface FindOptions extends ReadLimits {
  readonly projection?: Document
  readonly sort?: Sort
  readonly skip?: number
  readonly limit?: number
}

/** A condition of the driver's kind, without foreign code. */
export type ReadFilter<T> = Filter<T> & { readonly $where?: never }

interface CollectionReads<T extends Document> {
  readonly collectionName: string
  /** Documents that match, read with majority concern from the primary. */
  find(filter?: ReadFilter<T>, options?: FindOptions): ReadCursor<T>
  /** The first that matches, or `undefined`. */
  findOne(filter?: ReadFilter<T>, options?: FindOptions): Promise<Frozen<T> | undefined>
  /** @throws {GuardError} WRITE_REFUSED for a stage that is not on the list of read stages, at any depth. */
  aggregate<R extends Document = Document>(pipeline: ReadPipeline, limits?: ReadLimits): ReadCursor<R>
  /** How many match, by reading them: costs what a scan of the index costs. */
  countDocuments(filter?: ReadFilter<T>, limits?: ReadLimits): Promise<number>
}

/** A collection that can only be read: every other verb of the driver's `Collection` is a sentence that says why. */
export type ReadCollection<T extends Document = Document> = CollectionReads<T> &
  RefusedVerbs<typeof refusedCollectionVerbs>

/** A database that can only be read. Nothing here leads to the driver's own client, database or collection. */
export type ReadDatabase = {
  readonly databaseName: string
  collection<T extends Document = Document>(name: string): ReadCollection<T>
} & RefusedVerbs<typeof refusedDatabaseVerbs>

class ConnectedCollection<T extends Document> implements CollectionReads<T> {
  readonly collectionName: string
  readonly #connection: ReadConnection

  constructor(connection: ReadConnection, name: string) {
    this.#connection = connection
    this.collectionName = name
  }

  /** Refused by the connection, so that it is counted and logged like every other refusal. */
  refuse(verb: string): Promise<unknown> {
    return this.#connection.run(refusedCommand(`collection.${verb}`, this.collectionName))
  }

  find(filter: ReadFilter<T> = {}, options: FindOptions = {}): ReadCursor<T> {
    return this.#read({ find: this.collectionName, filter, ...fieldsOf(options) }, options)
  }

  async findOne(filter: ReadFilter<T> = {}, options: FindOptions = {}): Promise<Frozen<T> | undefined> {
    const one = { find: this.collectionName, filter, ...fieldsOf(options), limit: 1, singleBatch: true }
    const [document] = await this.#read<T>(one, options).toArray()
    return document
  }

  aggregate<R extends Document = Document>(pipeline: ReadPipeline, limits: ReadLimits = {}): ReadCursor<R> {
    const cursor = limits.batchSize === undefined ? {} : { batchSize: limits.batchSize }
    return this.#read({ aggregate: this.collectionName, pipeline, cursor }, limits)
  }

  async countDocuments(filter: ReadFilter<T> = {}, limits: ReadLimits = {}): Promise<number> {
    const pipeline = [{ $match: filter }, { $group: { _id: null, count: { $sum: 1 } } }]
    const [result] = await this.aggregate<{ count: number }>(pipeline, limits).toArray()
    return result?.count ?? 0
  }

  #read<R extends Document>(command: ReadCommand, limits: ReadLimits): ReadCursor<R> {
    return new ReadCursor<R>(this.#connection, { ...command, readConcern: { level: 'majority' } }, limits)
  }
}

class ConnectedDatabase implements Pick<ReadDatabase, DatabaseVerb> {
  readonly #connection: ReadConnection

  constructor(connection: ReadConnection) {
    this.#connection = connection
  }

  refuse(verb: string): Promise<unknown> {
    return this.#connection.run(refusedCommand(`database.${verb}`, 1))
  }

  get databaseName(): string {
    return this.#connection.database
  }

  collection<T extends Document = Document>(name: string): ReadCollection<T> {
    const collection: Pick<ReadCollection<T>, CollectionVerb> = new ConnectedCollection<T>(
      this.#connection,
      name,
    )
    // The refused verbs stand on the prototype; see below.
    return collection as ReadCollection<T>
  }
}

defineRefusedVerbs(ConnectedCollection.prototype, refusedCollectionVerbs)
defineRefusedVerbs(ConnectedDatabase.prototype, refusedDatabaseVerbs)

/** A command of that name: the first key is what counts, and the second one is for the compiler. */
function refusedCommand(verb: string, argument: unknown): ReadCommand {
  return { [verb]: argument, ping: 1 }
}

/** Options as fields of the command; the signal is the driver's. */
function fieldsOf(options: FindOptions): Omit<FindOptions, 'signal'> {
  const { signal: _, ...fields } = options
  return fields
}

/** The typed door over a connection, for code that asks questions; the feed and the cache use `run`. */
export function readDatabase(connection: ReadConnection): ReadDatabase {
  const database: Pick<ReadDatabase, DatabaseVerb> = new ConnectedDatabase(connection)
  return database as ReadDatabase
}
