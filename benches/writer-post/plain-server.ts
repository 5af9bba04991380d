/** A typical route: parse, insert with the same durability, return the inserted document. */
import express from 'express'
import { MongoClient } from 'mongodb'
import { collection } from './world.ts'

const [uri = ''] = process.argv.slice(2)
const client = new MongoClient(uri, { writeConcern: { w: 'majority', journal: true } })
const documents = client.db('shop').collection(collection)

const app = express()
app.use(express.json())
app.post(`/${collection}`, async (request, response) => {
  const document: Record<string, unknown> = { ...request.body }
  await documents.insertOne(document)
  response.status(201).json(document)
})

process.on('message', (question: { readonly listen?: boolean }) => {
  if (!question.listen) return void process.send?.(process.cpuUsage())
  const server = app.listen(0, '127.0.0.1', () => {
    const address = server.address()
    process.send?.({ port: typeof address === 'object' ? address?.port : 0 })
  })
  server.keepAliveTimeout = 75_000
})
