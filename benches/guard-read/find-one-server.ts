/** Reads raw documents with the driver's `findOne`, which creates a cursor for each read. */
import { MongoClient } from 'mongodb'
import { collection, database, serve } from './world.ts'

serve(async (uri) => {
  const client = await MongoClient.connect(uri, { readConcernLevel: 'majority', maxPoolSize: 20, raw: true })
  const documents = client.db(database).collection<{ readonly _id: string }>(collection)
  return async (id) => {
    const document: unknown = await documents.findOne({ _id: id })
    return document instanceof Uint8Array ? [document] : []
  }
})
