import { expect, test } from '@jest/globals'
import { setTimeout as pause } from 'node:timers/promises'
import { Connect, ifInstalled, installJars, Kafka, mongoDbSettings } from '@freshet/debezium'
import { openLog, parseLogAddress } from '@freshet/change-stream-log'
import { systemClock } from '@freshet/kit'
import { eventually, holdReplication, openTestDatabase } from '@freshet/testkit'
import { connectorUri } from './support/log/mongodb-connector.ts'
import { JudgedReader } from './support/log/judged-reader.ts'

const jars = await ifInstalled('Kafka and Debezium', installJars)

const testIfInstalled = jars === undefined ? test.skip : test

const DOCUMENTS = 20_000
const CHECKED = 200

/** Counts what Debezium writes about snapshots. */
class Watched implements AsyncDisposable {
  readonly #stopping = new AbortController()
  readonly #reading: Promise<void>
  begun = 0
  rows = 0

  constructor(topic: string) {
    this.#reading = this.#read(topic)
  }

  async #read(topic: string): Promise<void> {
    const address = parseLogAddress(topic)
    if (address === undefined) throw new Error(`expected the address of a log, got ${topic}`)
    const log = openLog(address, systemClock)
    const { signal } = this.#stopping
    const { id } = await eventually(() => log.identify(signal), { withinMs: 60_000 })
    for await (const { records } of log.read(id, 0, signal))
      for (const { value } of records) {
        const text = Buffer.from(value ?? []).toString()
        if (text.includes('"type":"STARTED"')) this.begun += 1
        if (text.includes('"op":"r"')) this.rows += 1
      }
    await log.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort()
    await this.#reading
  }
}

testIfInstalled(
  'L7 L16 readers show no document that was deleted while a snapshot of MongoDB was interrupted, and all others',
  async () => {
    await using db = await openTestDatabase({ own: true })
    const shop = db.admin.db(db.database)
    await shop.command({ collMod: 'products', changeStreamPreAndPostImages: { enabled: true } })
    const products = shop.collection<{ readonly _id: string; readonly value: number }>('products')
    const ids = Array.from({ length: DOCUMENTS }, (_, n) => `p${n}`)
    await products.insertMany([{ _id: 'mark', value: 0 }, ...ids.map((_id) => ({ _id, value: 0 }))])
    await using kafka = await Kafka.open(String(jars))
    const topic = `kafka://${kafka.address}/app.all`
    await using watched = new Watched(topic)
    const isReached = async (reached: () => boolean): Promise<void> => {
      await eventually(() => expect(reached()).toBe(true), { withinMs: 60_000, everyMs: 2 })
    }
    await using connect = await Connect.open({
      jars: String(jars),
      kafka: kafka.address,
      connector: mongoDbSettings(await connectorUri(db), db.database, { prefix: 'app', topic: 'app.all' }),
      flushEveryMs: 20,
    })
    const killAndDelete = async (n: number): Promise<void> => {
      await connect.server.stop('SIGKILL')
      await products.deleteMany({ _id: { $in: ids.filter((_id, at) => at % 10 === n) } })
    }
    // Its place is stored, which is none yet.
    await isReached(() => watched.begun === 1)
    await pause(50)
    await killAndDelete(1)
    const starting = connect.server.start()
    await isReached(() => watched.rows > 3_000)
    await starting
    await killAndDelete(2)
    await using reader = await JudgedReader.open(topic, db.database)
    await connect.server.start()
    expect(watched.begun).toBeGreaterThan(1)
    await products.updateOne({ _id: 'mark' }, { $set: { value: 1 } })
    await eventually(() => expect(reader.answers.at(-1)?.mark).toBe(1), { withinMs: 60_000 })
    for (const [at, _id] of ids.slice(0, CHECKED).entries())
      expect([_id, (await reader.product(_id)) !== undefined]).toEqual([_id, ![1, 2].includes(at % 10)])
  },
  600_000,
)

testIfInstalled(
  'L16 readers keep no change of MongoDB that a snapshot could have read, and that is rolled back',
  async () => {
    await using db = await openTestDatabase({ own: true, nodes: 3 })
    const products = db.admin
      .db(db.database)
      .collection<{ readonly _id: string; readonly value: number }>('products')
    await products.insertOne({ _id: 'mark', value: 0 }, { writeConcern: { w: 'majority' } })
    await using kafka = await Kafka.open(String(jars))
    const uri = await connectorUri(db)
    const held = await holdReplication(db)
    await products.updateOne({ _id: 'mark' }, { $set: { value: 999 } }, { writeConcern: { w: 1 } })
    await using connect = await Connect.open({
      jars: String(jars),
      kafka: kafka.address,
      connector: mongoDbSettings(uri, db.database, { prefix: 'app', topic: 'app.all' }),
    })
    await using reader = await JudgedReader.open(`kafka://${kafka.address}/app.all`, db.database)
    const shows = async (value: number): Promise<void> => {
      const last = (): number | undefined => reader.answers.at(-1)?.mark
      await eventually(() => expect(last()).toBe(value), { withinMs: 60_000 }).catch((error: unknown) => {
        process.stderr.write(connect.server.printed.slice(-3_000))
        throw error
      })
    }
    await shows(0)
    const { me } = await db.admin.db('admin').command({ hello: 1 })
    const primary = db.servers.members.find(({ port }) => String(me).endsWith(`:${port}`))
    await primary?.kill()
    await held[Symbol.asyncDispose]()
    await eventually(() => products.insertOne({ _id: 'p1', value: 1 }, { writeConcern: { w: 'majority' } }))
    await primary?.start()
    await eventually(async () => expect(await reader.product('p1')).toMatch(/"value":1/))
    await shows(0)
  },
  600_000,
)
