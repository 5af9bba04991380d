// G3.7 fails without this file: a process starts with a driver whose commands bypass the veto.
import { controlCollection } from '@freshet/mongodb-rules'
import { MongoServerError, type MongoClient } from 'mongodb'
import { GuardError } from './errors.ts'
import type { Refusals } from './refusals.ts'

/**
 * Sends a delete without any statement, for clients without a veto. An insert without documents would not do: the
 * server rejects that before it checks roles.
 */
export function deleteNothing(client: MongoClient, database: string): Promise<unknown> {
  return client
    .db(database)
    .command({ delete: controlCollection, deletes: [{ q: { _id: { $in: [] } }, limit: 1 }] })
}

/**
 * Proves that the veto is in effect: an insert must be rejected by the guard, not by the server. It carries no
 * documents, so even without any protection nothing could be written.
 * @throws {GuardError} VETO_MISSING: the server replied to it. Any other error: it was not sent, and nothing is proved.
 */
export async function proveVeto(
  client: MongoClient,
  database: string,
  refusals: Refusals,
): Promise<'standing'> {
  const insert = (): Promise<unknown> =>
    client.db(database).command({ insert: controlCollection, documents: [] })
  const outcome = await refusals.rehearse('insert', insert).then(
    () => 'the server accepted it',
    (error: unknown) => {
      if (error instanceof GuardError) return undefined
      if (isReply(error)) return String(error)
      throw error
    },
  )
  if (outcome !== undefined) {
    throw new GuardError(
      'VETO_MISSING',
      `expected the veto to reject a canary insert before sending it, but: ${outcome}`,
    )
  }
  return 'standing'
}

/** Whether the server replied to the command itself, not to the handshake of a new connection for it. */
function isReply(error: unknown): boolean {
  return error instanceof MongoServerError && !error.hasErrorLabel('HandshakeError')
}
