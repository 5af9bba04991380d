import { expect, test } from '@jest/globals'
import { setTimeout as pause } from 'node:timers/promises'
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
import { answering, judge, load, say } from './support/log/judge.ts'
import { judgedMariaDb, mariaDbTables } from './support/log/judged-databases.ts'
import { JudgedReader } from './support/log/judged-reader.ts'
import { digestOf, JudgedTable } from './support/log/judged-table.ts'

const mariadbd = await ifInstalled('MariaDB', findMariaDb)
const nats = await ifInstalled('nats-server', installNats)
const server = mariadbd && (await ifInstalled('Debezium Server', installDebeziumServer))

const testIfInstalled = nats === undefined || server === undefined ? test.skip : test

/** How often Debezium Server is killed. NATS is killed at the third time, a reader at the fourth. */
const KILLS = Number(process.env['FRESHET_TEST_KILLS'] ?? 6)

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
    for (let kill = 1; kill <= KILLS; kill += 1) {
      await load(table, 60)
      await debezium.server.stop('SIGKILL')
      say(`Debezium Server is killed for the ${kill}. time after ${table.committed} transactions`)
      if (kill === 3) {
        await stream.server.stop('SIGKILL')
        await stream.server.start()
        say('NATS was killed')
      }
      if (kill === 4) {
        await two.kill()
        two.start()
        say('a reader was killed')
      }
      await debezium.server.start()
      // Somewhere in what it has to catch up.
      await pause(100 * kill)
    }
    await load(table, 60)
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
