import type { Log, Part } from '@freshet/kit'
import { connectorFor, type Settings } from '@freshet/postgres-client'
import type { ClientConfig, Pool, PoolClient } from 'pg'
import { isBroken, storeErrorOf, type Stage } from './errors.ts'

/** One each for the heartbeat and the source check, and a spare for when one breaks. */
const controlConnections = 3

/** How long to wait for a connection to a host: as long as the source check waits for an answer. */
const CONNECT_WITHIN_MS = 2_000

/** A statement waits this long for a row that another transaction has locked; then it is a conflict. */
const LOCK_WITHIN_MS = 1_000

export interface ConnectionOptions {
  readonly uri: string
  readonly maxWrites: number
  /** How long a statement or a commit may take, in milliseconds. */
  readonly acknowledgeWithinMs: number
  readonly log: Log
}

/** A value that is sent as text; a `Uint8Array` is a `bytea`. */
export type Value = string | number | Uint8Array | undefined
export type Row = readonly (string | null | undefined)[]

/** One connection while it is used. */
export interface Session {
  /** Runs one statement. Values of rows are text. @throws {StoreError} of the stage */
  readonly query: (stage: Stage, statement: string, values?: readonly Value[]) => Promise<readonly Row[]>
  /** Runs several statements without values, and returns the rows of the last one. @throws {StoreError} of the stage */
  readonly script: (stage: Stage, statements: readonly string[]) => Promise<readonly Row[]>
}

const asText = { getTypeParser: () => (value: string) => value }

/**
 * The writer's connections, opened when they are needed, so an unreachable database does not prevent startup. Control traffic has
 * connections of its own.
 */
export class DatabaseConnection implements Part {
  readonly name = 'database connection'
  /** The driver opens a new connection for a broken one, so nothing is ever recreated. */
  readonly renewals = 0
  readonly #writes: Pool
  readonly #control: Pool
  readonly #acknowledgeWithinMs: number
  readonly #listeners: (() => void)[] = []
  #connected = false

  constructor({ uri, maxWrites, acknowledgeWithinMs, log }: ConnectionOptions) {
    this.#acknowledgeWithinMs = acknowledgeWithinMs
    // One for both pools: they never lead to different servers.
    const connector = connectorFor(uri, CONNECT_WITHIN_MS)
    const pool = (appName: string, max: number, min: number): Pool => {
      const made = connector.pool({ ...configOf(acknowledgeWithinMs), application_name: appName, max, min })
      made.on('connect', (client) => {
        this.#connected = true
        // While it is used, its statement fails too.
        client.on('error', () => undefined)
      })
      // An idle connection broke. It is removed from the pool.
      made.on('error', (err) => {
        log.info({ err }, 'lost a connection to the database')
        this.#broken()
      })
      return made
    }
    this.#writes = pool('freshet-writer', maxWrites, 0)
    this.#control = pool('freshet-writer-control', controlConnections, controlConnections)
  }

  get state(): 'connecting' | 'connected' {
    return this.#connected ? 'connected' : 'connecting'
  }

  /** Calls `listener` before a broken connection is replaced, which may lead to another server. */
  onBroken(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** Runs `work` with a connection for writes. @throws {StoreError} UNREACHABLE, and what `work` throws */
  writing<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#with(this.#writes, work)
  }

  /** Runs `work` with a connection that never waits for writes. @throws {StoreError} UNREACHABLE, and what `work` throws */
  control<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#with(this.#control, work)
  }

  start(): void {}

  async stop(): Promise<void> {
    const open = [this.#writes, this.#control].filter((pool) => !pool.ending)
    await Promise.all(open.map((pool) => pool.end()))
  }

  async #with<T>(pool: Pool, work: (session: Session) => Promise<T>): Promise<T> {
    let client: PoolClient
    try {
      client = await pool.connect()
    } catch (error) {
      throw storeErrorOf(error, 'transaction')
    }
    let broken = false
    const run = async (
      stage: Stage,
      statement: string,
      values?: readonly Value[],
    ): Promise<readonly Row[]> => {
      try {
        return await this.#run(client, statement, values)
      } catch (error) {
        // The session may still run the statement.
        broken = isBroken(error)
        if (broken) this.#broken()
        throw storeErrorOf(error, stage)
      }
    }
    try {
      return await work({ query: run, script: (stage, statements) => run(stage, statements.join(';')) })
    } catch (error) {
      // The work may have ended inside a transaction. Without one, the server only warns.
      if (!broken) await client.query('rollback').catch(() => (broken = true))
      throw error
    } finally {
      client.release(broken)
    }
  }

  async #run(client: PoolClient, text: string, values: readonly Value[] = []): Promise<readonly Row[]> {
    const query = {
      text,
      values: values.map((value) => (value instanceof Uint8Array ? Buffer.from(value) : value)),
      rowMode: 'array' as const,
      types: asText,
      query_timeout: this.#acknowledgeWithinMs,
    }
    // Several statements have a result each, which the types of the driver do not say.
    const result: unknown = await client.query<(string | null)[], unknown[]>(query)
    const last: unknown = Array.isArray(result) ? result.at(-1) : result
    return rowsIn(last)
  }

  #broken(): void {
    for (const listener of this.#listeners) listener()
  }
}

function rowsIn(result: unknown): readonly Row[] {
  const rows = typeof result === 'object' && result !== null && 'rows' in result ? result.rows : undefined
  return Array.isArray(rows) ? rows : []
}

/**
 * `synchronous_commit`: an acknowledged write is on disk here and, with `synchronous_standby_names`, on the standby, whatever the
 * server's default is.
 */
function configOf(acknowledgeWithinMs: number): Settings<ClientConfig> {
  const settings: Readonly<Record<string, string | number>> = {
    synchronous_commit: 'on',
    default_transaction_read_only: 'off',
    default_transaction_isolation: String.raw`read\ committed`,
    lock_timeout: LOCK_WITHIN_MS,
    statement_timeout: acknowledgeWithinMs,
    idle_in_transaction_session_timeout: acknowledgeWithinMs,
    search_path: 'pg_catalog',
  }
  return {
    client_encoding: 'UTF8',
    keepAlive: true,
    options: Object.entries(settings)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
  }
}
