// G3.7 fails without this file: a process starts with a driver that sends its commands past the veto.
import { controlCollection } from '@freshet/mongodb-rules'
import type { MongoClient } from 'mongodb'
import { GuardError } from './errors.ts'
import type { Refusals } from './refusals.ts'

/**
 * Asks the server itself for a delete that names no document, for clients that no veto guards. Not an insert without a
 * document, as below: the server refuses that one before it looks at the roles.
 */
export function deleteNothing(client: MongoClient, database: string): Promise<unknown> {
  return client
    .db(database)
    .command({ delete: controlCollection, deletes: [{ q: { _id: { $in: [] } }, limit: 1 }] })
}

/**
 * Proves that the veto stands in this client's way: an insert must come back refused by the guard, not by the server.
 * The insert carries no document, so that even with every wall missing the server has nothing to write.
 * @throws {GuardError} VETO_MISSING
 */
export async function proveVeto(
  client: MongoClient,
  database: string,
  refusals: Refusals,
): Promise<'standing'> {
  const insert = (): Promise<unknown> =>
    client.db(database).command({ insert: controlCollection, documents: [] })
  const outcome = await refusals.rehearse('insert', insert).then(
    () => 'the server took it',
    (error: unknown) => (error instanceof GuardError ? undefined : String(error)),
  )
  if (outcome !== undefined) {
    throw new GuardError(
      'VETO_MISSING',
      `a canary insert should have been refused before it left, but: ${outcome}`,
    )
  }
  return 'standing'
}
