/** Sends the same command with the driver alone, with the options that the guard also sets. */
import { MongoClient } from 'mongodb'
import { database, findOne, serve } from './world.ts'

const fieldsAsRaw = { firstBatch: true, nextBatch: true }

serve(async (uri) => {
  const client = await MongoClient.connect(uri, {
    readPreference: 'primary',
    readConcernLevel: 'majority',
    retryWrites: false,
    maxPoolSize: 20,
  })
  const db = client.db(database)
  return async (id) => {
    const reply = await db.command(findOne(id), { fieldsAsRaw })
    return reply['cursor'].firstBatch
  }
})
