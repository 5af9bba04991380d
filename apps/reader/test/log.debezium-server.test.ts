import { test } from '@jest/globals'
import {
  BinaryLogDatabase,
  DebeziumServer,
  findDatabase,
  ifInstalled,
  installDebeziumServer,
  installNats,
  mariaDb,
  mariaDbSettings,
  Nats,
  natsServerSettings,
} from '@freshet/debezium'
import { seededRandom } from '@freshet/testkit'
import { answering, judge, judgeTruncate, killUnderLoad } from './support/log/judge.ts'
import { addColumn, binaryLogTables, judgedBinaryLog } from './support/log/judged-databases.ts'
import { JudgedReader } from './support/log/judged-reader.ts'
import { JudgedTable } from './support/log/judged-table.ts'

const mariadbd = await ifInstalled('MariaDB', () => findDatabase(mariaDb))
const nats = await ifInstalled('nats-server', installNats)
const server = mariadbd && (await ifInstalled('Debezium Server', installDebeziumServer))

const testIfInstalled = nats === undefined || server === undefined ? test.skip : test

testIfInstalled(
  'MariaDB → Debezium Server → NATS → two readers: no wrong answer, whatever is killed',
  async () => {
    await using db = await BinaryLogDatabase.open({ product: mariaDb, statements: binaryLogTables })
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

    const judged = judgedBinaryLog(db)
    const table: JudgedTable = new JudgedTable(
      judged,
      seededRandom(),
      () => table.committed - (one.answers.at(-1)?.mark ?? 0),
    )
    await killUnderLoad(table, {
      debezium: debezium.server,
      log: stream.server,
      reader: two,
      before: (kill) => addColumn(judged, `extra${kill}`),
    })
    await judge(table, readers, () => debezium.server.printed.slice(-3_000))
    await judgeTruncate(table, judged, readers)
  },
  1_200_000,
)
