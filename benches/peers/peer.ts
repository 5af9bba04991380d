/** What all peers do in the same way. */
import { MongoClient, type Collection } from 'mongodb'
import { createServer, type Server } from 'node:http'
import { Ajv } from 'ajv'
import { bodySchema, cachedOrders, collection, database, idOf, type order } from './world.ts'

export type Order = typeof order
/** As stored. */
export type Stored = Order & { readonly _id: string; readonly mark?: string }

const [, , uri = '', ownCollection = 'peer_orders'] = process.argv

/** Waits for the same majority as the writer. */
const client = new MongoClient(uri, { writeConcern: { w: 'majority', journal: true } })

/** What the reader serves too. */
export const orders: Collection<Stored> = client.db(database).collection(collection)
/** Of this peer alone. */
export const ownOrders: Collection<Stored> = client.db(database).collection(ownCollection)

const validate = new Ajv().compile<Order>(bodySchema)

/** Checks a body where the framework does not. */
export function isOrder(body: unknown): body is Order {
  return validate(body)
}

export function jsonOf({ _id: id, ...fields }: Stored): string {
  return JSON.stringify({ id, ...fields })
}

/** Calls `put` with every order that is cached from the start. */
export async function readAll(put: (id: string, json: string) => void): Promise<void> {
  for await (const stored of orders.find({ _id: { $lt: idOf(cachedOrders) } }, { batchSize: 5_000 }))
    put(stored._id, jsonOf(stored))
}

/** Opens a port, and says so as a service does. */
export function listen(server: Server = createServer()): void {
  // Connections are idle while others are measured.
  server.keepAliveTimeout = 600_000
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : 0
    console.log(JSON.stringify({ msg: 'listening', url: `http://127.0.0.1:${port}` }))
  })
}
