import type { MongoClient } from 'mongodb'
import { GuardError } from './errors.ts'
import type { Refusals } from './refusals.ts'

/**
 * Proves that the veto stands in this client's way: an insert must come back refused by the guard, not by the server.
 * The insert carries no document, so that even with every wall missing the server has nothing to write.
 * @throws {GuardError} VETO_MISSING
 */
export async function proveVeto(client: MongoClient, database: string, refusals: Refusals): Promise<void> {
  const insert = (): Promise<unknown> => client.db(database).command({ insert: 'freshet', documents: [] })
  const outcome = await refusals.rehearse(insert).then(
    () => 'the server took it',
    (error: unknown) => (error instanceof GuardError ? undefined : String(error)),
  )
  if (outcome !== undefined) {
    throw new GuardError(
      'VETO_MISSING',
      `a canary insert should have been refused before it left, but: ${outcome}`,
    )
  }
}
