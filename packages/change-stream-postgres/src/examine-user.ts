import { changeStreamErrorOf } from './errors.ts'
import { rightsQuery, tryInsert, type Attempt } from './read-only-user.ts'
import { openClient, Sessions, sessionsAt, type SessionOptions } from './session.ts'

/** What stands between a user's credentials and a write, tried with these credentials. */
export interface UserExamination {
  readonly user: string
  /** Why an insert was refused before it was sent; `undefined` if it was sent. */
  readonly veto: string | undefined
  /** One for each published table, of at most a hundred. */
  readonly attempts: readonly Attempt[]
  /** Every right to write, at most 5 of a kind. */
  readonly rights: readonly string[]
}

const MAX_TABLES = 100

/**
 * Tries to write as a user, and reads the user's rights. Changes nothing, whatever the user may do.
 * @throws {ChangeStreamError} DISCONNECTED, DENIED, UNSUPPORTED
 */
export async function examineUser(options: SessionOptions, publication: string): Promise<UserExamination> {
  const session = sessionsAt(options)
  const sessions = new Sessions({ ...session, max: 1 })
  try {
    const rows = await sessions.query(rightsQuery)
    const tables = await sessions.query(
      `select schemaname, tablename from pg_publication_tables where pubname = $1 order by 1, 2 limit ${MAX_TABLES}`,
      [publication],
    )
    const client = await openClient(session)
    const attempts: Attempt[] = []
    try {
      for (const [schema, name] of tables)
        attempts.push(await tryInsert(client, { schema: schema ?? '', name: name ?? '' }))
    } catch (error) {
      throw changeStreamErrorOf(error, 'try an insert')
    } finally {
      client.end().catch(() => undefined)
    }
    return {
      user: rows[0]?.[0] ?? '',
      veto: await vetoOf(sessions),
      attempts,
      rights: rows.flatMap(([, right]) => (typeof right === 'string' ? [right] : [])),
    }
  } finally {
    await sessions.close()
  }
}

/** Sends nothing if the connection's allow-list is in place; otherwise the statement has no effect. */
async function vetoOf(sessions: Sessions): Promise<string | undefined> {
  try {
    await sessions.query('insert into pg_catalog.pg_class select * from pg_catalog.pg_class where false')
    return undefined
  } catch (error) {
    return error instanceof TypeError ? error.message : undefined
  }
}
