import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import {
  BinaryLogDatabase,
  Connect,
  findDatabase,
  ifInstalled,
  installJars,
  Kafka,
  mySql,
  mySqlSettings,
} from '@freshet/debezium'
import { systemClock } from '@freshet/kit'
import { CutProxy, eventually } from '@freshet/testkit'
import { FollowedTable } from './support/table.ts'
import { examineLog, openLog, parseLogAddress, type LogExamination, type LogTransport } from '../src/index.ts'

const mysqld = await ifInstalled('MySQL', () => findDatabase(mySql))
const jars = mysqld && (await ifInstalled('Kafka and Debezium', installJars))

const describeIfInstalled = jars === undefined ? describe.skip : describe

const values = `18446744073709551615, 12345678901234567890.1234567890, '-12:34:56.789', '2024-01-02 03:04:05.678901',
  '2024-01-02', b'101010101010', 'b', 'x,z', x'00ff', st_geomfromtext('POINT(1 2)'), true, 1.5, 2024`

const document = {
  unsigned: '18446744073709551615',
  exact: '12345678901234567890.1234567890',
  time: -45_296_789_000,
  at: 1_704_164_645_678_901,
  day: 19_724,
  bits: 'qgo=',
  one: 'b',
  some: 'x,z',
  bytes: 'AP8=',
  place: { wkb: 'AQEAAAAAAAAAAADwPwAAAAAAAABA', srid: null },
  yes: 1,
  half: 1.5,
  year: 2024,
}

describeIfInstalled('the log of MySQL', () => {
  let db: BinaryLogDatabase
  let proxy: CutProxy
  let kafka: Kafka
  let connect: Connect

  const opened = (): LogTransport => {
    const address = parseLogAddress(`kafka://${kafka.address}/app.all`)
    if (address === undefined) throw new Error('expected a valid address')
    return openLog(address, systemClock)
  }
  const examined = async (): Promise<LogExamination> => {
    const log = opened()
    try {
      return await examineLog(log, () => Date.now(), 60_000, new AbortController().signal)
    } finally {
      await log.close()
    }
  }
  const latest = async (table: string): Promise<unknown> => {
    const { tables } = await examined()
    return JSON.parse(tables.find(({ name }) => name === `app.${table}`)?.sample ?? 'null')
  }
  const faults = async (): Promise<readonly string[]> =>
    (await examined()).findings
      .filter(({ stands }) => !stands)
      .map(({ name, remedy }) => `${name}: ${remedy}`)
  const run = async (on: BinaryLogDatabase, ...statements: readonly string[]): Promise<void> => {
    const client = await on.connect()
    for (const statement of statements) await client.query(statement)
    await client.end()
  }

  beforeAll(async () => {
    db = await BinaryLogDatabase.open({
      product: mySql,
      statements: [
        `create table odd (id bigint unsigned primary key, \`unsigned\` bigint unsigned, \`exact\` decimal(30, 10),
          time time(3), at datetime(6), day date, bits bit(12), one enum('a', 'b'), some set('x', 'y', 'z'),
          bytes varbinary(4), place geometry, yes boolean, half double, year year)`,
        `insert into odd values (18446744073709551613, ${values})`,
        'create table products (id varchar(9) primary key, value int)',
      ],
    })
    proxy = await CutProxy.open(db.user.port)
    kafka = await Kafka.open(String(jars))
    connect = await Connect.open({
      jars: String(jars),
      kafka: kafka.address,
      connector: mySqlSettings({ ...db.user, port: proxy.port }, { prefix: 'app', topic: 'app.all' }),
    })
  }, 300_000)

  afterAll(async () => {
    for (const opened of [connect, kafka, proxy, db]) await opened[Symbol.asyncDispose]()
  })

  test('L1 a snapshot and a change have the exact values', async () => {
    await eventually(async () =>
      expect(await latest('odd')).toEqual({ id: '18446744073709551613', ...document }),
    )
    await run(db, `insert into odd values (18446744073709551614, ${values})`)
    await eventually(async () =>
      expect(await latest('odd')).toEqual({ id: '18446744073709551614', ...document }),
    )
    expect(await faults()).toEqual([])
  })

  test('L10 while MySQL is idle, Debezium goes on to write heartbeats', async () => {
    const beats = async (): Promise<number> => {
      const { findings } = await examined()
      return Number.parseInt(findings.find(({ name }) => name === 'heartbeats')?.seen ?? '', 10)
    }
    const before = await beats()
    await eventually(async () => expect(await beats()).toBeGreaterThan(before + 1), { withinMs: 40_000 })
  })

  test('L3 after a fail-over, what the new server logged at smaller places is applied, and what follows', async () => {
    // Further places than the replica will ever have.
    await run(db, ...Array.from({ length: 9 }, () => 'flush binary logs'))
    await run(db, `insert into products values ('a', 1), ('b', 1)`)
    await eventually(async () => expect(await latest('products')).toEqual({ id: 'b', value: 1 }))
    await using table = new FollowedTable(opened(), { database: 'app' })
    const shows = async (content: Readonly<Record<string, number>>): Promise<void> => {
      await eventually(() => expect(table.content()).toEqual(content))
      expect([table.errors, await faults()]).toEqual([[], []])
    }
    await shows({ a: 1, b: 1 })

    await using replica = await BinaryLogDatabase.open({
      product: mySql,
      statements: [],
      args: ['--server-id=2'],
    })
    const { user, password, port } = db.user
    await run(
      replica,
      `drop user ${user}`,
      'drop database app',
      'reset binary logs and gtids',
      `change replication source to source_host = '127.0.0.1', source_port = ${port}, source_user = '${user}',
        source_password = '${password}', source_auto_position = 1, get_source_public_key = 1`,
      'start replica',
    )
    await connect.server.stop('SIGKILL')
    await run(db, `update products set value = 2`, `update products set value = 3 where id = 'a'`)
    await eventually(async () =>
      expect(await replica.rows(`select value from app.products where id = 'a'`)).toEqual([{ value: 3 }]),
    )
    await db.server.stop('SIGKILL')
    await run(replica, 'stop replica')
    proxy.redirectTo(replica.user.port)
    await connect.server.start()
    await shows({ a: 3, b: 2 })

    await run(replica, 'truncate products', `insert into products values ('c', 4)`)
    await shows({ c: 4 })

    // Its changes are in the log, although they never were in the table.
    await run(replica, `xa start 'x'`, `insert into products values ('d', 5)`, `xa end 'x'`, `xa prepare 'x'`)
    await run(replica, `xa rollback 'x'`)
    await table.failed('UNSUPPORTED')
    expect([table.shown.at(-1), (await faults()).join()]).toEqual(['{"c":4}', expect.stringMatching(/XA/)])
  })
})
