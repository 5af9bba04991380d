import { ConfigError, type Log } from '@freshet/kit'
import { ownTables, quoted, tableAt } from '@freshet/postgres-rules'
import { StoreError } from '../errors.ts'
import type { DatabaseConnection } from './connection.ts'
import { sqlStateOf } from './errors.ts'

const writing = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] as const

interface RightsQuestion {
  readonly connection: Pick<DatabaseConnection, 'control'>
  readonly collections: Iterable<string>
  readonly log: Log
}

/**
 * A writer without write access must not appear to work. An unreachable database, or one that is not migrated yet, does not
 * prevent startup. @throws {ConfigError}
 */
export async function expectRights({ connection, collections, log }: RightsQuestion): Promise<void> {
  const wanted: readonly (readonly [table: string, rights: readonly string[]])[] = [
    ...[...collections].map((stored): readonly [string, readonly string[]] => {
      const { schema, name } = tableAt(stored)
      return [`${quoted(schema)}.${quoted(name)}`, writing]
    }),
    [ownTables.answers, writing],
    [ownTables.control, ['SELECT', 'UPDATE']],
  ]
  try {
    for (const [table, rights] of wanted) {
      const missing = await missingRight(connection, table, rights)
      if (missing !== undefined) throw refused(missing)
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error
    if (error instanceof StoreError && sqlStateOf(error.cause)?.startsWith('28') === true)
      throw refused('unknown user or wrong password')
    log.warn({ err: error }, 'the rights of the user cannot be checked now')
  }
}

/** `undefined` if there is no such table, too: writes to it are refused. */
async function missingRight(
  connection: Pick<DatabaseConnection, 'control'>,
  table: string,
  rights: readonly string[],
): Promise<string | undefined> {
  const [row] = await connection.control((session) =>
    session.query(
      'transaction',
      `select one, current_user from unnest($2::text[]) one
       where not (has_schema_privilege(split_part($1::text, '.', 1)::regnamespace, 'USAGE')
         and has_table_privilege(to_regclass($1::text), one)) limit 1`,
      [table, `{${rights.join(',')}}`],
    ),
  )
  return row && `the user ${String(row[1])} may not ${String(row[0])} in ${table}`
}

function refused(why: string): ConfigError {
  return new ConfigError(
    'BAD_VALUE',
    `--postgres-uri-file: ${why}; run freshet migrate and use the address of freshet-writer.`,
  )
}
