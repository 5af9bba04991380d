import { examineUser } from '@freshet/change-stream-postgres'
import type { Examination, LayerFinding } from '@freshet/guard'
import { postgresUri } from '../postgres-uri.ts'

export interface PostgresDoctor {
  readonly uri: string
  readonly database: string
  readonly publication: string
}

const withinMs = 5_000

/** The SQLSTATE of a refusal for lack of a right. */
const DENIED = '42501'

const remedy = 'Use a user with LOGIN, REPLICATION and SELECT only, and default_transaction_read_only = on.'

/** Examines the user of readers on PostgreSQL. @throws {ConfigError | ChangeStreamError} */
export async function examinePostgres({ uri, database, publication }: PostgresDoctor): Promise<Examination> {
  const session = { uri: postgresUri('db', uri, database), appName: 'freshet doctor', withinMs }
  const { user, veto, attempts, rights } = await examineUser(session, publication)
  const refused = attempts.length > 0 && attempts.every(({ sqlState }) => sqlState === DENIED)
  const tried = attempts.map(({ table, sqlState, message }) => `${table}: ${sqlState ?? ''} ${message}`)
  const layer = (name: string, stands: boolean, seen: string, ifMissing = remedy): LayerFinding => ({
    layer: name === 'veto' ? 'G3' : 'G4',
    name,
    stands,
    seen,
    remedy: stands ? undefined : ifMissing,
  })
  return {
    user,
    roles: [],
    layers: [
      layer(
        'veto',
        veto !== undefined,
        veto === undefined ? 'an insert was sent' : 'an insert was refused before it was sent',
        'Reinstall Freshet: its statements are not checked.',
      ),
      layer(
        'canary',
        refused,
        attempts.length === 0
          ? `the publication ${publication} has no table to try an insert with`
          : `inserts of no rows in transactions that may write: ${tried.join('; ')}`,
        attempts.length === 0 ? 'Pass the name of the publication as --publication.' : remedy,
      ),
      layer(
        'role',
        rights.length === 0,
        rights.length === 0 ? 'it has no right to write' : rights.join('; '),
      ),
    ],
    grants: rights.map((resource) => ({ resource, action: '', harmless: undefined })),
  }
}
