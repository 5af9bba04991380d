import { migratePostgres, withCredentials } from '@freshet/migration-postgres'
import { startPostgres, type Postgres } from '@freshet/postgres'
import { Client } from 'pg'
import type { HttpDatabase } from './http-database.ts'

const database = 'shop'
export const httpCollections = new Map([
  ['products', 'string'],
  ['orders', 'string'],
  ['numbered', 'integer'],
] as const)

/** The tests' view of PostgreSQL. */
export interface HttpPostgres extends HttpDatabase {
  readonly server: Postgres
  /** The superuser's connection to the database. */
  readonly admin: Client
  /** Opens the superuser's connection again, after a restart of the server. */
  reconnect(): Promise<void>
  /** Runs work with another connection of the superuser. */
  openAdmin(work: (own: Client) => Promise<void>): Promise<void>
}

export async function openHttpPostgres(
  settings: Readonly<Record<string, string>> = {},
): Promise<HttpPostgres> {
  const server = await startPostgres({ settings: { wal_level: 'logical', ...settings } })
  const { passwords } = await migratePostgres({
    uri: server.uri(),
    database,
    collections: httpCollections,
    passwords: {},
  })
  const uri = withCredentials(server.uri(), {
    user: 'freshet_writer_shop',
    password: passwords['freshet-writer'] ?? '',
    database,
  })
  const connect = async (): Promise<Client> => {
    const client = new Client({ connectionString: server.uri(database) })
    client.on('error', () => undefined)
    await client.connect()
    return client
  }
  let admin = await connect()
  const put: HttpDatabase['put'] = async (collection, id, members) => {
    await admin.query(
      `insert into ${collection} values ($1, $2) on conflict (id) do update set document = excluded.document`,
      [id, typeof members === 'string' ? members : JSON.stringify(members)],
    )
  }
  return {
    server,
    admin,
    reconnect: async () => void (admin = await connect()),
    openAdmin: async (work) => {
      const own = await connect()
      try {
        await work(own)
      } finally {
        await own.end()
      }
    },
    uri,
    port: server.port,
    uriThrough: (port) => uri.replace(/:\d+\//, `:${port}/`),
    text: async (collection, id) => {
      const { rows } = await admin.query(`select document::text from ${collection} where id = $1`, [id])
      const text: unknown = rows[0]?.document
      if (typeof text !== 'string') return undefined
      return `{"id":${JSON.stringify(id)}${text === '{}' ? '' : ','}${text.slice(1)}`
    },
    put,
    putInexact: async (id) => {
      await admin.query(
        `insert into products values ($1, '{"name":"x","a":{"price":0.12345678901234567890e400}}')`,
        [id],
      )
    },
    all: async (collection) => {
      const { rows } = await admin.query(`select id::text, document from ${collection} order by id`)
      return rows.map(({ id, document }) => ({ id: String(id), ...document }))
    },
    clear: async (collection) => void (await admin.query(`delete from ${collection}`)),
    rename: async (name) => {
      await admin.query(
        `update products set document = (document::jsonb || jsonb_build_object('name', $1::text))::json`,
        [name],
      )
    },
    answers: async () => Number((await admin.query('select count(*) from freshet.answers')).rows[0]?.count),
    lock: async (id) => {
      const other = await connect()
      await other.query('begin')
      await other.query(`update products set document = '{"name":"theirs"}' where id = $1`, [id])
      return { release: () => other.end() }
    },
    makeUnique: async () => {
      await admin.query(
        `create unique index on products ((document ->> 'name')) where document ->> 'unique' = 'true'`,
      )
    },
    [Symbol.asyncDispose]: async () => {
      await admin.end().catch(() => undefined)
      await server.close()
    },
  }
}
