import type { Collection, Db } from 'mongodb'

/** A value that cannot be called: the compiler prints the sentence where somebody tries. */
export interface Refused<Why extends string> {
  readonly refused: Why
}

/** What {@link ReadCollection} really has; a list of what may be, so that a new verb of the driver is refused. */
export type CollectionVerb = 'aggregate' | 'collectionName' | 'countDocuments' | 'find' | 'findOne'

/** What {@link ReadDatabase} really has. */
export type DatabaseVerb = 'collection' | 'databaseName'

const write = 'readers never write: send it to the writer'
const define = 'readers never change definitions: that is a migration'
const inside = 'this would lead back to the driver, which can write'
const follow = 'follow changes through a replica or a change source'
const count = 'use countDocuments, which reads one state'
const search = 'use find or aggregate'

/**
 * Every other member of the driver's `Collection`. The compiler checks that none is missing and none is made up: a
 * version of the driver with a new verb does not build until somebody has decided about it.
 */
export const refusedCollectionVerbs = {
  bsonOptions: inside,
  bulkWrite: write,
  count,
  createIndex: define,
  createIndexes: define,
  createSearchIndex: define,
  createSearchIndexes: define,
  db: inside,
  dbName: inside,
  deleteMany: write,
  deleteOne: write,
  distinct: search,
  drop: define,
  dropIndex: define,
  dropIndexes: define,
  dropSearchIndex: define,
  estimatedDocumentCount: count,
  findOneAndDelete: write,
  findOneAndReplace: write,
  findOneAndUpdate: write,
  hint: inside,
  indexExists: define,
  indexInformation: define,
  indexes: define,
  initializeOrderedBulkOp: write,
  initializeUnorderedBulkOp: write,
  insertMany: write,
  insertOne: write,
  isCapped: define,
  listIndexes: define,
  listSearchIndexes: define,
  namespace: inside,
  options: define,
  readConcern: inside,
  readPreference: inside,
  rename: define,
  replaceOne: write,
  timeoutMS: inside,
  updateMany: write,
  updateOne: write,
  updateSearchIndex: define,
  watch: follow,
  writeConcern: inside,
} as const satisfies Record<Exclude<keyof Collection, CollectionVerb>, string>

/** Every other member of the driver's `Db`; checked in the same way. */
export const refusedDatabaseVerbs = {
  admin: inside,
  aggregate: search,
  bsonOptions: inside,
  client: inside,
  collections: inside,
  command: inside,
  createCollection: define,
  createIndex: define,
  dropCollection: define,
  dropDatabase: define,
  indexInformation: define,
  listCollections: define,
  namespace: inside,
  options: inside,
  profilingLevel: inside,
  readConcern: inside,
  readPreference: inside,
  removeUser: define,
  renameCollection: define,
  runCursorCommand: inside,
  secondaryOk: inside,
  setProfilingLevel: define,
  stats: define,
  timeoutMS: inside,
  watch: follow,
  writeConcern: inside,
} as const satisfies Record<Exclude<keyof Db, DatabaseVerb>, string>

/** The refused verbs of a table as members that have no call signature. */
export type RefusedVerbs<Table extends Record<string, string>> = {
  readonly [Verb in keyof Table]: Refused<Table[Verb]>
}

/**
 * Puts the refused verbs of a table on a prototype: a caller whom the compiler did not stop gets what `refuse` of the
 * object answers, a promise that rejects with GuardError WRITE_REFUSED.
 */
export function defineRefusedVerbs(
  prototype: { refuse(verb: string): Promise<unknown> },
  table: Record<string, string>,
): void {
  for (const verb of Object.keys(table)) {
    Object.defineProperty(prototype, verb, {
      value(this: typeof prototype): Promise<unknown> {
        return this.refuse(verb)
      },
    })
  }
}
