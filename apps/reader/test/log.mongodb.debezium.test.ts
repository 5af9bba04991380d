import { expect, test } from '@jest/globals'
import { Connect, ifInstalled, installJars, Kafka, mongoDbSettings } from '@freshet/debezium'
import { bsonValues, eventually, openTestDatabase, seededRandom } from '@freshet/testkit'
import { answering, judge, killUnderLoad } from './support/log/judge.ts'
import { JudgedMongoDb } from './support/log/judged-mongodb.ts'
import { connectorUri } from './support/log/mongodb-connector.ts'
import { JudgedReader } from './support/log/judged-reader.ts'

const jars = await ifInstalled('Kafka and Debezium', installJars)

const testIfInstalled = jars === undefined ? test.skip : test

/** Values of every type, and those that JSON has no form for, or that parsers change. */
const values: Readonly<Record<string, unknown>> = {
  ...bsonValues,
  'not a number': Number.NaN,
  infinite: Number.NEGATIVE_INFINITY,
  'minus zero': -0,
  huge: 1e300,
  'huge and whole': 2 ** 60,
  tiny: 5e-324,
  third: 0.1 + 0.2,
  'every character': '"\\\n\u0001\u2028ä😀',
  'before all ISO dates': new Date(-62_167_219_200_001),
  order: new Map([
    ['10', 1],
    ['2', 2],
    ['id', 3],
  ]),
  id: 'stored',
}

testIfInstalled(
  'MongoDB → Debezium → Kafka → two readers, beside one of the change stream: no wrong answer, whatever is killed, and the same bytes',
  async () => {
    await using db = await openTestDatabase({ own: true })
    const shop = db.admin.db(db.database)
    await shop.command({ collMod: 'products', changeStreamPreAndPostImages: { enabled: true } })
    await using kafka = await Kafka.open(String(jars))
    const topic = `kafka://${kafka.address}/app.all`
    let shown = (): number => 0
    // Debezium takes its snapshot while they write.
    const writes = await JudgedMongoDb.open(db, seededRandom(), () => writes.committed - shown())
    await using connect = await Connect.open({
      jars: String(jars),
      kafka: kafka.address,
      connector: mongoDbSettings(await connectorUri(db), db.database, { prefix: 'app', topic: 'app.all' }),
    })
    await using one = await JudgedReader.open(topic, db.database)
    await using two = await JudgedReader.open(topic, db.database)
    await using direct = await JudgedReader.openDirect(db.uriFor('reader'), db.database)
    shown = () => one.answers.at(-1)?.mark ?? 0
    const readers = [one, two, direct]
    await answering(readers)
    await killUnderLoad(writes, { debezium: connect.server, log: kafka.server, reader: two })
    await judge(writes, readers, () => connect.server.printed.slice(-3_000))

    const products = shop.collection<{ readonly _id: string }>('products')
    await products.insertOne({ _id: 'typed', ...values })
    await products.updateOne({ _id: 'typed' }, { $set: { updated: true } })
    await eventually(async () => expect(await direct.product('typed')).toMatch(/"updated":true/))
    for (const reader of [one, two])
      await eventually(
        async () => expect(await reader.product('typed')).toBe(await direct.product('typed')),
        { withinMs: 60_000 },
      )

    await products.drop()
    for (const reader of readers)
      await eventually(async () => expect(await reader.product('typed')).toBeUndefined(), {
        withinMs: 60_000,
      })
  },
  1_200_000,
)
