import { renameTimeline } from '@freshet/migration'
import { openTestDatabase } from '@freshet/testkit'
import { deserialize } from 'bson'
import type { ClientSession } from 'mongodb'
import { describeChangeSource, type BenchWrite, type SourceBench } from '@freshet/change-stream/conformance'
import type { EventOptions } from '../src/index.ts'
import { openSource } from './support/open-source.ts'

interface Stored {
  readonly _id: string
  readonly value: number
}

/** Few changes per reply, so that replies end in the middle of transactions. */
async function openBench(batchSize: number, events?: EventOptions): Promise<SourceBench> {
  const db = await openTestDatabase()
  const opened = await openSource(db, { options: { batchSize }, ...(events && { events }) })
  const products = db.admin.db(db.database).collection<Stored>('products')
  const one = async (write: BenchWrite, session?: ClientSession): Promise<void> => {
    const _id = write.id
    const options = session ? { session } : {}
    if (write.kind === 'delete') await products.deleteOne({ _id }, options)
    else if (write.kind === 'upsert')
      await products.replaceOne({ _id }, { value: write.value }, { ...options, upsert: true })
    else await products.updateOne({ _id }, { $set: { value: write.value } }, options)
  }
  return {
    source: opened.source,
    reads: opened.reads,
    ...(events && { seconds: true }),
    collection: 'products',
    valueOf: (document) => deserialize(document)['value'],
    write: async (...writes) => {
      const [only] = writes
      if (only && writes.length === 1) return await one(only)
      await db.admin.withSession((session) =>
        session.withTransaction(async () => {
          for (const write of writes) await one(write, session)
        }),
      )
    },
    writeElsewhere: async () => {
      await db.admin.db(db.database).collection('orders').insertOne({ at: new Date() })
    },
    drop: async () => {
      await products.drop()
    },
    cut: async () => {
      // The feed sends at least ten requests a second, so the fail point acts at once and only once.
      const data = { failCommands: ['getMore'], closeConnection: true, appName: 'test' }
      await db.failPoint('failCommand', { times: 1 }, data)
    },
    becomeAnother: async () => {
      await renameTimeline(db.adminUri, db.database)
    },
    [Symbol.asyncDispose]: async () => {
      await opened[Symbol.asyncDispose]()
      await db[Symbol.asyncDispose]()
    },
  }
}

describeChangeSource('MongoDB', () => openBench(1_000))
describeChangeSource('MongoDB with one change per reply', () => openBench(1))
const events = { insertsOnly: [], startSecondsBack: 0 }
describeChangeSource('MongoDB for a consumer of events', () => openBench(2, events))
