import { setUpStatements } from '@freshet/change-stream-postgres'
import { Connect, installJars, Kafka, postgresSettings } from '@freshet/debezium'
import { TestDatabase as Postgres, testUser } from '@freshet/postgres'
import { openTestDatabase } from '@freshet/testkit'
import { readdir, readFile } from 'node:fs/promises'
import { cpuSecondsOf } from '../shared/child.ts'

export const collection = 'orders'
export const documents = 20_000
const pad = 'x'.repeat(400)

export const idOf = (n: number): string => `order-${String(n).padStart(6, '0')}`

/** The collection file. A mark tells which write a document is from. */
export const collectionFile = {
  type: 'object',
  properties: { id: { type: 'string' }, mark: { type: 'string' }, pad: { type: 'string' } },
  'x-access': { read: 'public', write: 'authenticated' },
}

/** A database with `documents` orders, which readers follow in one way. */
export interface Source extends AsyncDisposable {
  readonly name: string
  /** What a reader needs to find it. */
  readonly env: Readonly<Record<string, string>>
  readonly words: readonly string[]
  /** Whether a reader asks the database for what it does not have. */
  readonly hasReads: boolean
  /** Commits one change. */
  write(id: string, mark: string): Promise<void>
  /** Commits one change of each document together. */
  writeAll(mark: string): Promise<void>
  /** CPU time of the database so far, in seconds. */
  cpuSeconds(): Promise<number>
}

export async function openMongo(): Promise<Source> {
  const database = await openTestDatabase({ own: true, cacheSizeGb: 1, collections: [collection] })
  const orders = database.admin.db(database.database).collection<{ readonly _id: string }>(collection)
  await orders.insertMany(Array.from({ length: documents }, (_, n) => ({ _id: idOf(n), mark: '', pad })))
  const writeConcern = { w: 'majority', j: true } as const
  return {
    name: 'MongoDB',
    env: { FRESHET_MONGODB_URI: database.uriFor('reader') },
    words: [`--database=${database.database}`],
    hasReads: true,
    write: async (id, mark) => void (await orders.replaceOne({ _id: id }, { mark, pad }, { writeConcern })),
    writeAll: async (mark) => {
      const session = database.admin.startSession()
      const replace = (n: number) => ({
        replaceOne: { filter: { _id: idOf(n) }, replacement: { mark, pad } },
      })
      try {
        await session.withTransaction(() =>
          orders.bulkWrite(
            Array.from({ length: documents }, (_, n) => replace(n)),
            { session },
          ),
        )
      } finally {
        await session.endSession()
      }
    },
    cpuSeconds: () => cpuSecondsOf(database.servers.members[0]?.pid ?? 0),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

async function openTables(): Promise<{ readonly db: Postgres } & Pick<Source, 'write' | 'writeAll'>> {
  const db = await Postgres.open({
    statements: [
      `create table ${collection} (id text primary key, mark text, pad text)`,
      `insert into ${collection} select 'order-' || lpad(n::text, 6, '0'), '', '${pad}' from generate_series(0, ${documents - 1}) n`,
      ...setUpStatements({
        publication: 'freshet',
        user: testUser,
        collections: new Map([[collection, 'string']]),
      }),
    ],
  })
  const set = `update ${collection} set mark = $1`
  // A connection takes one statement at a time.
  let last: Promise<unknown> = Promise.resolve()
  return {
    db,
    write: async (id, mark) => {
      last = last.then(() => db.admin.query(`${set} where id = $2`, [mark, id]))
      await last
    },
    writeAll: async (mark) => void (await db.admin.query(set, [mark])),
  }
}

export async function openPostgres(): Promise<Source> {
  const { db, ...writes } = await openTables()
  return {
    ...writes,
    name: 'PostgreSQL',
    env: { FRESHET_POSTGRES_URI: db.uri },
    words: ['--database=postgres'],
    hasReads: true,
    cpuSeconds: () => cpuSecondsOfServer(db),
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  }
}

export async function openDebezium(): Promise<Source> {
  const jars = await installJars()
  const { db, ...writes } = await openTables()
  const kafka = await Kafka.open(jars)
  const connector = {
    ...postgresSettings(db.server.uri(), { prefix: 'app', topic: 'app.all' }),
    'table.include.list': `public.${collection}`,
    'publication.autocreate.mode': 'filtered',
    'publication.name': 'debezium',
  }
  const connect = await Connect.open({ jars, kafka: kafka.address, connector })
  return {
    ...writes,
    name: 'PostgreSQL by Debezium and Kafka',
    env: { FRESHET_LOG_URI: `kafka://${kafka.address}/app.all` },
    words: ['--database=postgres'],
    hasReads: false,
    cpuSeconds: () => cpuSecondsOfServer(db),
    [Symbol.asyncDispose]: async () => {
      for (const one of [connect, kafka, db]) await one[Symbol.asyncDispose]()
    },
  }
}

/** Of all processes of the server: each connection has one. */
async function cpuSecondsOfServer(db: Postgres): Promise<number> {
  const { rows } = await db.admin.query('select pg_backend_pid() as pid')
  const server = await parentOf(String(rows[0]?.pid))
  let seconds = 0
  for (const pid of await readdir('/proc'))
    if (/^\d+$/.test(pid) && (pid === server || (await parentOf(pid)) === server))
      seconds += await cpuSecondsOf(Number(pid)).catch(() => 0)
  return seconds
}

async function parentOf(pid: string): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]
}
