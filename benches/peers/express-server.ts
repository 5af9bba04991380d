/** Express with a cache of lru-cache, and ajv for validation. */
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import express from 'express'
import { LRUCache } from 'lru-cache'
import { isOrder, jsonOf, listen, orders, ownOrders, readAll } from './peer.ts'

const cached = new LRUCache<string, string>({ max: 1_000_000 })
const app = express()
app.use(express.json())

app.get('/orders/:id', async ({ params: { id } }, response) => {
  let json = cached.get(id)
  if (json === undefined) {
    const stored = await orders.findOne({ _id: id })
    if (!stored) return void response.status(404).json({})
    json = jsonOf(stored)
    cached.set(id, json)
  }
  response.type('json').send(json)
})

app.post('/orders', async ({ body }, response) => {
  if (!isOrder(body)) return void response.status(422).json({})
  const stored = { _id: randomUUID(), ...body }
  await ownOrders.insertOne(stored)
  const { _id: id, ...fields } = stored
  response.status(201).json({ id, ...fields })
})

if (process.argv.includes('fill')) await readAll((id, json) => cached.set(id, json))
listen(createServer(app))
