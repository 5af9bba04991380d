import { expect, test } from '@jest/globals'
import {
  DebeziumServer,
  findMariaDb,
  ifInstalled,
  installDebeziumServer,
  installNats,
  MariaDb,
  mariaDbSettings,
  Nats,
  natsServerSettings,
} from '@freshet/debezium'
import { eventually, seededRandom } from '@freshet/testkit'
import { answering, judge, killUnderLoad } from './support/log/judge.ts'
import { judgedMariaDb, mariaDbTables } from './support/log/judged-databases.ts'
import { JudgedReader } from './support/log/judged-reader.ts'
import { digestOf, JudgedTable } from './support/log/judged-table.ts'

const mariadbd = await ifInstalled('MariaDB', findMariaDb)
const nats = await ifInstalled('nats-server', installNats)
const server = mariadbd && (await ifInstalled('Debezium Server', installDebeziumServer))

const testIfInstalled = nats === undefined || server === undefined ? test.skip : test

testIfInstalled(
  'MariaDB → Debezium Server → NATS → two readers: no wrong answer, whatever is killed',
  async () => {
    await using db = await MariaDb.open(mariaDbTables)
    await using stream = await Nats.open(String(nats))
    const log = { prefix: 'app', topic: 'app.all' }
    const connector = {
      ...mariaDbSettings(db.user, log),
      'table.include.list': 'app.products,app.filler',
    }
    await using debezium = await DebeziumServer.open({
      installed: String(server),
      properties: natsServerSettings(connector, log, stream.uri),
    })
    const uri = `${stream.uri}/app`
    await using one = await JudgedReader.open(uri, 'app')
    await using two = await JudgedReader.open(uri, 'app')
    const readers = [one, two]
    await answering(readers)

    const judged = judgedMariaDb(db)
    const table: JudgedTable = new JudgedTable(
      judged,
      seededRandom(),
      () => table.committed - (one.answers.at(-1)?.mark ?? 0),
    )
    await killUnderLoad(table, { debezium: debezium.server, log: stream.server, reader: two })
    await judge(table, readers, () => debezium.server.printed.slice(-3_000))

    // Outside of the writers' transactions: MariaDB commits it at once.
    await using client = await judged.connect()
    await client.run('truncate products')
    await client.run(judged.put, ['mark', table.committed + 1, 'y'])
    for (const reader of readers)
      await eventually(
        () =>
          expect(reader.answers.at(-1)).toMatchObject({ mark: table.committed + 1, digest: digestOf([]) }),
        { withinMs: 60_000 },
      )
  },
  1_200_000,
)
