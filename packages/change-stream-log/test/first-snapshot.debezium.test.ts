import { expect, test } from '@jest/globals'
import {
  BinaryLogDatabase,
  Connect,
  findDatabase,
  ifInstalled,
  installJars,
  Kafka,
  mySql,
  mySqlSettings,
  postgresRights,
  postgresSettings,
} from '@freshet/debezium'
import { systemClock } from '@freshet/kit'
import { TestDatabase, testUser } from '@freshet/postgres'
import { eventually } from '@freshet/testkit'
import { Admin } from '@platformatic/kafka'
import { examineLog, openLog, parseLogAddress, type LogTransport } from '../src/index.ts'
import { FollowedTable } from './support/table.ts'

const jars = await ifInstalled('Kafka and Debezium', installJars)
const mysqld = jars && (await ifInstalled('MySQL', () => findDatabase(mySql)))

const log = { prefix: 'app', topic: 'app.all' }
const statements = [
  'create table products (id varchar(9) primary key, value int)',
  `insert into products values ('a', 1), ('b', 1)`,
]

interface Database extends AsyncDisposable {
  /** As the log names it. */
  readonly name: string
  readonly connector: Readonly<Record<string, string>>
  run(statement: string): Promise<void>
}

async function postgres(): Promise<Database> {
  const db = await TestDatabase.open({
    statements: [...statements, ...postgresRights(testUser, ['public.products'])],
  })
  return {
    name: 'postgres',
    connector: { ...postgresSettings(db.uri, log), 'table.include.list': 'public.products' },
    run: async (statement) => void (await db.admin.query(statement)),
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  }
}

async function mySqlDatabase(): Promise<Database> {
  const db = await BinaryLogDatabase.open({ product: mySql, statements })
  return {
    name: 'app',
    connector: { name: 'app', ...mySqlSettings(db.user, log) },
    run: async (statement) => {
      const client = await db.connect()
      await client.query(statement)
      await client.end()
    },
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  }
}

const all: readonly [string, () => Promise<Database>, boolean][] = [
  ['PostgreSQL', postgres, jars !== undefined],
  ['MySQL', mySqlDatabase, mysqld !== undefined],
]
const installed = all.filter(([, , isInstalled]) => isInstalled)

const testIfInstalled = installed.length === 0 ? test.skip : test

async function askFor(uri: string, method: string): Promise<void> {
  const answer = await fetch(uri, { method })
  if (!answer.ok)
    throw new Error(`expected ${method} ${uri} to be done, got ${answer.status} ${await answer.text()}`)
}

testIfInstalled.each(installed.length === 0 ? all : installed)(
  'L5 a topic of %s that is created anew is not shown, until the connector forgets its place and takes a snapshot',
  async (_name, open) => {
    await using db = await open()
    await using kafka = await Kafka.open(String(jars))
    await using connect = await Connect.open({
      jars: String(jars),
      kafka: kafka.address,
      connector: db.connector,
    })
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: [kafka.address], retries: 10 })
    const opened = (): LogTransport => {
      const address = parseLogAddress(`kafka://${kafka.address}/app.all`)
      if (address === undefined) throw new Error('expected a valid address')
      return openLog(address, systemClock)
    }
    const createAnew = async (): Promise<void> => {
      await admin.deleteTopics({ topics: ['app.all'] })
      const configs = ['retention.ms', 'retention.bytes'].map((name) => ({ name, value: '-1' }))
      await eventually(() => admin.createTopics({ topics: ['app.all'], partitions: 1, replicas: 1, configs }))
    }
    await using table = new FollowedTable(opened(), { database: db.name })
    await eventually(() => expect(table.shown.at(-1)).toBe('{"a":1,"b":1}'))

    await createAnew()
    await db.run(`update products set value = 2 where id = 'a'`)
    await table.failed('CONTENT_UNKNOWN')
    expect(table.reasons.join()).toMatch(/a log that begins with a snapshot/)
    const examined = opened()
    const { findings } = await examineLog(examined, () => Date.now(), 60_000, new AbortController().signal)
    await examined.close()
    expect(findings.find(({ name }) => name === 'one snapshot')).toMatchObject({
      stands: false,
      seen: 'none',
    })

    await askFor(`${connect.uri}/stop`, 'PUT')
    await eventually(() => askFor(`${connect.uri}/offsets`, 'DELETE'))
    await createAnew()
    await db.run(`delete from products where id = 'b'`)
    await askFor(`${connect.uri}/resume`, 'PUT')
    await eventually(() => expect(table.shown.at(-1)).toBe('{"a":2}'))
    await db.run(`update products set value = 3 where id = 'a'`)
    await eventually(() => expect(table.shown.at(-1)).toBe('{"a":3}'))
    expect(table.shown).toEqual(['{"a":1,"b":1}', '{"a":2}', '{"a":3}'])
    await admin.close()
  },
  300_000,
)
