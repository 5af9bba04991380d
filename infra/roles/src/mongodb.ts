import {
  causesCollection,
  controlCollection,
  messageCollections,
  messagesDatabase,
} from '@freshet/mongodb-rules'

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

/** Roles. Each has one user of the same name; that of deliveries exists only with messages. */
export const roleNames = ['freshet-reader', 'freshet-writer', 'freshet-auditor', 'freshet-delivery'] as const

/** Name of a role and of its user. */
export type RoleName = (typeof roleNames)[number]

/** Collection in the internal database that stores answers by `Idempotency-Key`. */
export const idempotencyCollection = 'idempotency'

/** The internal database, which only the writer may access. */
export const internalDatabase = (database: string): string => `${database}_internal`

const reading = ['find', 'changeStream', 'listCollections']
const writing = ['find', 'insert', 'update', 'remove']
/** Messages are never removed: a deletion replaces them. */
const writingMessages = ['find', 'insert', 'update']

/**
 * All roles of one application, without those for messages. None has `createCollection`, `createIndex`, `dropCollection` or access to `system.*`: the
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

/**
 * The additional roles of an application with messages. The writer writes them, readers answer with their history, and
 * deliveries follow their changes and nothing else.
 */
export function messageRolesOf(database: string): readonly Role[] {
  const db = messagesDatabase(database)
  const whole = { db, collection: '' }
  return [
    { database: db, name: 'freshet-reader', privileges: [{ resource: whole, actions: ['find'] }] },
    {
      database: db,
      name: 'freshet-delivery',
      privileges: [{ resource: whole, actions: ['find', 'changeStream'] }],
    },
    {
      database: db,
      name: 'freshet-writer',
      privileges: [
        ...Object.values(messageCollections).map((collection) => ({
          resource: { db, collection },
          actions: writingMessages,
        })),
        // As in the application's database: the heartbeat and the source id.
        { resource: { db, collection: controlCollection }, actions: ['find', 'update'] },
      ],
    },
  ]
}
