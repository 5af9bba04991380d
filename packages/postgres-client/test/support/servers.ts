import { startPostgres, type Postgres } from '@freshet/postgres'
import { Client, type Pool } from 'pg'
import type { Connector } from '../../src/index.ts'

/** For one host, in milliseconds. */
export const withinMs = 5_000

/** A new primary and its standby. */
export async function openPair(): Promise<{ readonly primary: Postgres; readonly standby: Postgres }> {
  const primary = await startPostgres()
  const standby = await primary.copyForStandby()
  await standby.start()
  return { primary, standby }
}

/** The address of the first, with all as hosts. */
export function addressOf(
  servers: readonly { readonly port: number }[],
  from: Postgres,
  options = '',
): string {
  const hosts = servers.map(({ port }) => `127.0.0.1:${port}`).join(',')
  return from.uri().replace(`127.0.0.1:${from.port}`, hosts) + options
}

/** The port of the server behind a connection. */
export async function portOf(client: Pick<Client, 'query'>): Promise<number> {
  const { rows } = await client.query(`select current_setting('port')::int as port`)
  return Number(rows[0]?.port)
}

export async function clientPort(connector: Connector, config: object = {}): Promise<number> {
  const client = connector.client(config)
  await client.connect()
  try {
    return await portOf(client)
  } finally {
    await client.end()
  }
}

export function opened(pool: Pool): Pool {
  pool.on('error', () => undefined)
  return pool
}

export async function run(uri: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: uri })
  await client.connect()
  await client.query(statement)
  await client.end()
}

export const promote = (standby: Postgres): Promise<void> => run(standby.uri(), 'select pg_promote()')
