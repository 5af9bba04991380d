import { test } from '@jest/globals'
import {
  Connect,
  ifInstalled,
  installJars,
  installNats,
  Kafka,
  Nats,
  postgresRights,
  postgresSettings,
} from '@freshet/debezium'
import { TestDatabase, testUser } from '@freshet/postgres'
import { seededRandom } from '@freshet/testkit'
import { Bridge } from './support/log/bridge.ts'
import { answering, judge, killUnderLoad } from './support/log/judge.ts'
import { judgedPostgres, postgresTables } from './support/log/judged-databases.ts'
import { JudgedReader } from './support/log/judged-reader.ts'
import { JudgedTable } from './support/log/judged-table.ts'

const jars = await ifInstalled('Kafka and Debezium', installJars)
const nats = await ifInstalled('nats-server', installNats)

const testIfInstalled = jars === undefined || nats === undefined ? test.skip : test

testIfInstalled(
  'PostgreSQL → Debezium → Kafka → two readers, and → NATS → one: no wrong answer, whatever is killed',
  async () => {
    await using db = await TestDatabase.open({
      statements: [...postgresTables, ...postgresRights(testUser, ['public.products', 'public.filler'])],
    })
    await using kafka = await Kafka.open(String(jars))
    await using stream = await Nats.open(String(nats))
    const topic = `kafka://${kafka.address}/app.all`
    await using connect = await Connect.open({
      jars: String(jars),
      kafka: kafka.address,
      connector: {
        ...postgresSettings(db.uri, { prefix: 'app', topic: 'app.all' }),
        'table.include.list': 'public.products,public.filler',
      },
    })
    await using _ = new Bridge(topic, stream.uri, 'app')
    await using one = await JudgedReader.open(topic, 'postgres')
    await using two = await JudgedReader.open(topic, 'postgres')
    await using three = await JudgedReader.open(`${stream.uri}/app`, 'postgres')
    const readers = [one, two, three]
    await answering(readers)

    const table: JudgedTable = new JudgedTable(
      judgedPostgres(db),
      seededRandom(),
      () => table.committed - (one.answers.at(-1)?.mark ?? 0),
    )
    await killUnderLoad(table, { debezium: connect.server, log: kafka.server, reader: two })
    await judge(table, readers, () => connect.server.printed.slice(-3_000))
  },
  1_200_000,
)
