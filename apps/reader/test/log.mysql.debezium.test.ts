import { test } from '@jest/globals'
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
import { seededRandom } from '@freshet/testkit'
import { answering, judge, judgeTruncate, killUnderLoad } from './support/log/judge.ts'
import { addColumn, binaryLogTables, judgedBinaryLog } from './support/log/judged-databases.ts'
import { JudgedReader } from './support/log/judged-reader.ts'
import { JudgedTable } from './support/log/judged-table.ts'

const mysqld = await ifInstalled('MySQL', () => findDatabase(mySql))
const jars = mysqld && (await ifInstalled('Kafka and Debezium', installJars))

const testIfInstalled = jars === undefined ? test.skip : test

testIfInstalled(
  'MySQL → Debezium → Kafka → two readers: no wrong answer, whatever is killed',
  async () => {
    await using db = await BinaryLogDatabase.open({ product: mySql, statements: binaryLogTables })
    await using kafka = await Kafka.open(String(jars))
    const topic = `kafka://${kafka.address}/app.all`
    await using connect = await Connect.open({
      jars: String(jars),
      kafka: kafka.address,
      connector: {
        ...mySqlSettings(db.user, { prefix: 'app', topic: 'app.all' }),
        'table.include.list': 'app.products,app.filler',
      },
    })
    await using one = await JudgedReader.open(topic, 'app')
    await using two = await JudgedReader.open(topic, 'app')
    const readers = [one, two]
    await answering(readers)

    // One writer compresses its transactions, the other does not.
    const compression = (on: number): string => `set session binlog_transaction_compression = ${on}`
    const judged = judgedBinaryLog(db, [compression(1), compression(0)])
    const table: JudgedTable = new JudgedTable(
      judged,
      seededRandom(),
      () => table.committed - (one.answers.at(-1)?.mark ?? 0),
    )
    await killUnderLoad(table, {
      debezium: connect.server,
      log: kafka.server,
      reader: two,
      before: (kill) => addColumn(judged, `extra${kill}`),
    })
    await judge(table, readers, () => connect.server.printed.slice(-3_000))
    await judgeTruncate(table, judged, readers)
  },
  1_200_000,
)
