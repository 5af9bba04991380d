/** fastify with a cache of lru-cache: validation by the framework, a read of the database where the cache has nothing. */
import { randomUUID } from 'node:crypto'
import { fastify } from 'fastify'
import { LRUCache } from 'lru-cache'
import { jsonOf, listen, orders, ownOrders, readAll, type Order } from './peer.ts'
import { bodySchema } from './world.ts'

const cached = new LRUCache<string, string>({ max: 1_000_000 })
const app = fastify()

app.get<{ Params: { id: string } }>('/orders/:id', async ({ params: { id } }, reply) => {
  let json = cached.get(id)
  if (json === undefined) {
    const stored = await orders.findOne({ _id: id })
    if (!stored) return reply.code(404).send({})
    json = jsonOf(stored)
    cached.set(id, json)
  }
  return reply.type('application/json; charset=utf-8').send(json)
})

app.post<{ Body: Order }>('/orders', { schema: { body: bodySchema } }, async ({ body }, reply) => {
  const stored = { _id: randomUUID(), ...body }
  await ownOrders.insertOne(stored)
  const { _id: id, ...fields } = stored
  return reply.code(201).send({ id, ...fields })
})

await app.ready()
if (process.argv.includes('fill')) await readAll((id, json) => cached.set(id, json))
listen(app.server)
