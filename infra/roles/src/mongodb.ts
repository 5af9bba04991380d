import { causesCollection, controlCollection } from '@freshet/mongodb-rules'

/**
 * MongoDB roles. A change stream on a database requires `find` and `changeStream` on all of it, so the database is the unit
 * of trust: what readers must not see is in another one. Roles and users are defined in the application's own databases, so
 * that two applications on one server never share a role.
 */

/** A privilege as in MongoDB's `createRole`. An empty collection means all except `system.*`. */
export interface Privilege {
  readonly resource: { readonly db: string; readonly collection: string }
  readonly actions: readonly string[]
}

/** A role of one database. MongoDB limits its privileges to that database. */
export interface Role {
  readonly database: string
  readonly name: RoleName
  readonly privileges: readonly Privilege[]
}

/** Roles. Each has one user of the same name. */
export const roleNames = ['freshet-reader', 'freshet-writer', 'freshet-auditor'] as const

/** Name of a role and of its user. */
export type RoleName = (typeof roleNames)[number]

/** Collection in the internal database that stores answers by `Idempotency-Key`. */
export const idempotencyCollection = 'idempotency'

/** The internal database, which only the writer may access. */
export const internalDatabase = (database: string): string => `${database}_internal`

const reading = ['find', 'changeStream', 'listCollections']
const writing = ['find', 'insert', 'update', 'remove']

/**
 * All roles of one application. None has `createCollection`, `createIndex`, `dropCollection` or access to `system.*`: the
 * migration creates what is needed as administrator.
 * @param collections the only collections of the application that the writer may access.
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
        // The writer checks collection options and refuses collections that readers cannot follow.
        { resource: wholeDatabase, actions: ['listCollections'] },
        // The writer updates the heartbeat and reads the source id for the positions in answers.
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
