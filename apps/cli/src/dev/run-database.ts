import type { Part } from '@freshet/kit'
import { isPostgresAddress, type UserName } from '@freshet/postgres-rules'

/** The kinds of databases that a run may use. */
export const databaseKinds = ['mongodb', 'postgres'] as const
export type DatabaseKind = (typeof databaseKinds)[number]

/** The kind that an address belongs to. */
export function kindOf(uri: string): DatabaseKind {
  return isPostgresAddress(uri) ? 'postgres' : 'mongodb'
}

/** The database of a run. */
export interface RunDatabase extends Part {
  /** For people. */
  readonly name: string
  /** Address with an administrator, for development only. Known once it has started. */
  readonly adminUri: string
  /** Address of an existing database. */
  readonly externalUri: string | undefined
  /** Where the data remains after the run, for people. */
  readonly dataLocation: string | undefined
  /** Address with one of the users that every kind has. */
  readonly uriFor: (user: UserName) => string
  /** Address with the user of deliveries; empty if there are no messages. */
  readonly deliveryUri: () => string
}
