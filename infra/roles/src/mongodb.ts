import { causesCollection, controlCollection } from '@freshet/mongodb-rules'

/**
 * Who may do what in MongoDB. A change stream over a database needs `find` and `changeStream` on the whole of it, so
 * the unit of trust is the database: what a reader must not see lives in another one. Roles and their users are
 * defined inside the application's own databases, so that two applications on one server never share a role.
 */

/** One grant, in the words of MongoDB's `createRole`. An empty collection means all but `system.*`. */
export interface Privilege {
  readonly resource: { readonly db: string; readonly collection: string }
  readonly actions: readonly string[]
}

/** A role of one database. MongoDB lets it speak of that database only. */
export interface Role {
  readonly database: string
  readonly name: RoleName
  readonly privileges: readonly Privilege[]
}

/** The parts that have a credential of their own; each has one user of the same name. */
export const roleNames = ['freshet-reader', 'freshet-writer', 'freshet-auditor'] as const

/** Name of a role and of its user. */
export type RoleName = (typeof roleNames)[number]

/** Collection of the writer's own database that remembers answers by their `Idempotency-Key`. */
export const idempotencyCollection = 'idempotency'

/** The database that only the writer may enter. */
export const internalDatabase = (database: string): string => `${database}_internal`

const reading = ['find', 'changeStream', 'listCollections']
const writing = ['find', 'insert', 'update', 'remove']

/**
 * Every role of one application. Nobody has `createCollection`, `createIndex`, `dropCollection` or anything on
 * `system.*`: the migration makes what is needed with its own user.
 * @param collections names that the writer serves; it may touch no other of the application's collections.
 */
export function rolesOf(database: string, collections: readonly string[]): readonly Role[] {
  const wholeDatabase = { db: database, collection: '' }
  return [
    { database, name: 'freshet-reader', privileges: [{ resource: wholeDatabase, actions: reading }] },
    { database, name: 'freshet-auditor', privileges: [{ resource: wholeDatabase, actions: reading }] },
    {
      database,
      name: 'freshet-writer',
      privileges: [
        ...collections.map((collection) => ({ resource: { db: database, collection }, actions: writing })),
        // Names and options of collections: a writer refuses to write those that readers cannot follow.
        { resource: wholeDatabase, actions: ['listCollections'] },
        // The heartbeat is an update; the identity of the source is read for the positions in answers.
        { resource: { db: database, collection: controlCollection }, actions: ['find', 'update'] },
        { resource: { db: database, collection: causesCollection }, actions: ['insert', 'remove'] },
      ],
    },
    {
      database: internalDatabase(database),
      name: 'freshet-writer',
      privileges: [
        { resource: { db: internalDatabase(database), collection: idempotencyCollection }, actions: writing },
      ],
    },
  ]
}
