import { historyColumns, ownTables, sourceIdOf } from '@freshet/postgres-rules'
import type { SourceId } from '@freshet/protocol'
import type { ControlStore, HeartbeatState } from '../contract.ts'
import { StoreError } from '../errors.ts'
import type { DatabaseConnection } from './connection.ts'
import { sqlStateOf } from './errors.ts'

/** No such database, schema or table: it was dropped, or never migrated. */
const missing: ReadonlySet<string | undefined> = new Set(['3D000', '3F000', '42P01'])

/** The history, and the row that the migration creates last, which is also the heartbeat. */
export class ControlRow implements ControlStore {
  readonly #connection: Pick<DatabaseConnection, 'control'>

  constructor(connection: Pick<DatabaseConnection, 'control'>) {
    this.#connection = connection
  }

  async source(): Promise<SourceId | undefined> {
    try {
      const rows = await this.#query(`select ${historyColumns} from ${ownTables.control}`)
      const [systemId, timeline, database] = rows[0] ?? []
      if (typeof systemId !== 'string' || typeof timeline !== 'string' || typeof database !== 'string')
        return undefined
      return sourceIdOf({ systemId, timeline, database })
    } catch (error) {
      if (error instanceof StoreError && missing.has(sqlStateOf(error.cause))) return undefined
      throw error
    }
  }

  async beat(seen: HeartbeatState | undefined): Promise<HeartbeatState> {
    const last = seen ?? (await this.#beats())
    const [row] = await this.#query(
      `update ${ownTables.control} set beats = beats + 1 where beats = $1::text::int8 returning beats`,
      [String(last.beats)],
    )
    // Another writer was faster.
    return row === undefined ? await this.#beats() : { beats: row[0] }
  }

  async #beats(): Promise<HeartbeatState> {
    const [row] = await this.#query(`select beats from ${ownTables.control}`)
    if (row === undefined) throw new Error(`the table ${ownTables.control} has no row; run freshet migrate`)
    return { beats: row[0] }
  }

  #query(statement: string, values: readonly string[] = []) {
    return this.#connection.control((session) => session.query('transaction', statement, values))
  }
}
