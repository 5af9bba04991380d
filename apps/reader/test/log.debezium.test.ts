import { expect, test } from '@jest/globals'
import { setTimeout as pause } from 'node:timers/promises'
import {
  Connect,
  ifInstalled,
  installJars,
  installNats,
  Kafka,
  Nats,
  postgresSettings,
} from '@freshet/debezium'
import { TestDatabase } from '@freshet/postgres'
import { eventually, seededRandom } from '@freshet/testkit'
import { Bridge } from './support/log/bridge.ts'
import { JudgedReader } from './support/log/judged-reader.ts'
import { followed, JudgedTable, tables } from './support/log/judged-table.ts'

const jars = await ifInstalled('Kafka and Debezium', installJars)
const nats = await ifInstalled('nats-server', installNats)

const testIfInstalled = jars === undefined || nats === undefined ? test.skip : test

/** How often Connect is killed. The broker is killed at the third time, a reader at the fourth. */
const KILLS = Number(process.env['FRESHET_TEST_KILLS'] ?? 6)

const say = (text: string): void => void process.stderr.write(`${new Date().toISOString()} ${text}\n`)

testIfInstalled(
  'PostgreSQL → Debezium → Kafka → two readers, and → NATS → one: no wrong answer, whatever is killed',
  async () => {
    await using db = await TestDatabase.open({ statements: tables })
    await using kafka = await Kafka.open(String(jars))
    await using stream = await Nats.open(String(nats))
    const topic = `kafka://${kafka.address}/app.all`
    await using connect = await Connect.open({
      jars: String(jars),
      kafka: kafka.address,
      connector: {
        ...postgresSettings(db.server.uri(), { prefix: 'app', topic: 'app.all' }),
        'table.include.list': followed,
        'publication.autocreate.mode': 'filtered',
      },
    })
    await using _ = new Bridge(topic, stream.uri, 'app')
    await using one = await JudgedReader.open(topic)
    await using two = await JudgedReader.open(topic)
    await using three = await JudgedReader.open(`${stream.uri}/app`)
    const readers = [one, two, three]
    await eventually(() => expect(readers.map(({ answered }) => answered > 0)).toEqual([true, true, true]))
    say('all readers answer')

    const table: JudgedTable = new JudgedTable(
      db,
      seededRandom(),
      () => table.committed - (one.answers.at(-1)?.mark ?? 0),
    )
    /** Until this many more transactions were committed. */
    const load = async (transactions: number): Promise<void> => {
      const from = table.committed
      await eventually(() => expect(table.committed).toBeGreaterThan(from + transactions), {
        withinMs: 300_000,
      })
    }
    for (let kill = 1; kill <= KILLS; kill += 1) {
      await load(60)
      await connect.server.stop('SIGKILL')
      say(`Connect is killed for the ${kill}. time after ${table.committed} transactions`)
      if (kill === 3) {
        await kafka.server.stop('SIGKILL')
        await kafka.server.start()
        say('the broker was killed')
      }
      if (kill === 4) {
        await two.kill()
        two.start()
        say('a reader was killed')
      }
      await connect.server.start()
      // Somewhere in what it has to catch up.
      await pause(100 * kill)
    }
    await load(60)
    await table.stop()
    const digest = await table.digest()
    const history = await table.history()
    say(`${table.committed} transactions`)
    for (const reader of readers)
      await reader.reaches(table.committed, digest).catch((error: unknown) => {
        say(`${String(error)}\n${connect.server.printed.slice(-3_000)}`)
        throw error
      })

    for (const [index, reader] of readers.entries()) {
      const wrong = reader.answers.filter(
        ({ mark, digest: shown }) => mark > 0 && history.get(mark) !== shown,
      )
      const { answered, answers, backwards, refused } = reader
      say(
        `reader ${index + 1}: ${answered} answers, ${answers.length} states, ${wrong.length} wrong, ` +
          `${backwards} backwards, ${refused} refused, epochs ${await reader.epochs()}`,
      )
      expect({ wrong, backwards }).toEqual({ wrong: [], backwards: 0 })
      expect(answers.length).toBeGreaterThan(10)
    }
  },
  1_200_000,
)
