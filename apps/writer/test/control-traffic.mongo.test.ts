import { afterAll, expect, test } from '@jest/globals'
import { eventually, openTestDatabase, silentLog } from '@freshet/testkit'
import type { Document } from 'mongodb'
import { collections, openWriter } from './support/open-writer.ts'

const db = await openTestDatabase({ collections })
afterAll(() => db[Symbol.asyncDispose]())

const MAX_WRITES = 20

/** The state of a client's connections, including requests waiting for one. */
async function connectionsOf(appName: string, matching: Document = {}): Promise<readonly Document[]> {
  return await db.admin
    .db('admin')
    .aggregate([
      { $currentOp: { allUsers: true, idleConnections: true } },
      { $match: { appName, desc: /^conn/, ...matching } },
    ])
    .toArray()
}

const beats = async (): Promise<unknown> =>
  (await db.admin.db('shop').collection<{ _id: string; at: Date }>('freshet').findOne({ _id: 'heartbeat' }))
    ?.at

/** A document locked by another transaction: each write to it waits at the server and occupies its connection. */
async function hold(_id: string): Promise<{ release(): Promise<void> } & AsyncDisposable> {
  const products = db.admin.db('shop').collection<{ _id: string; name: string }>('products')
  await products.updateOne({ _id }, { $set: { name: 'x' } }, { upsert: true })
  const session = db.admin.startSession()
  session.startTransaction()
  await products.updateOne({ _id }, { $set: { name: 'theirs' } }, { session })
  return { release: () => session.abortTransaction(), [Symbol.asyncDispose]: () => session.endSession() }
}

const lenient = { prefer: 'handling=lenient' }

test('W3 writes that occupy all connections, with more waiting, delay neither the heartbeat nor the source check', async () => {
  const said: string[] = []
  const warn = (_fields: object, message: string): void => void said.push(message)
  const argv = [`--max-writes=${MAX_WRITES}`]
  await using writer = await openWriter(db.uriFor('writer'), { argv, log: { ...silentLog, warn } })
  const put = (id: string) =>
    writer.send('PUT', `products/${id}`, { headers: lenient, body: { name: `${Math.random()}` } })
  await using held = await hold('held')
  // More than there are connections.
  const first = Array.from({ length: 5 }, () => put('held'))
  const loggedIn = { effectiveUsers: { $exists: true } }
  await eventually(async () => expect(await connectionsOf('freshet-writer', loggedIn)).toHaveLength(5))
  // From here on a login takes longer than anything may wait for a connection.
  const data = { failCommands: ['saslContinue'], appName: 'freshet-writer' }
  await using _ = await db.failPoint('failCommand', 'alwaysOn', {
    ...data,
    blockConnection: true,
    blockTimeMS: 3_000,
  })
  const more = Array.from({ length: MAX_WRITES - 5 }, (_, n) => put(`p${n}`))
  await eventually(async () => expect(await writer.status()).toMatchObject({ inFlight: MAX_WRITES }))
  const during = await beats()
  const statuses = (await Promise.all(more)).map(({ status }) => status)
  // All except those that are logging in.
  expect(statuses.filter((status) => status === 503).length).toBeGreaterThan(MAX_WRITES / 2)
  expect(await beats()).not.toEqual(during)
  expect(await writer.status()).toMatchObject({ heartbeatFailing: false, source: expect.any(String) })
  expect(said).toEqual([])
  await held.release()
  for (const { status } of await Promise.all(first)) expect(status).toBe(200)
})

test("W3 a writer's connections are limited: one for each write, three of its own, and four monitors", async () => {
  const argv = [`--max-writes=${MAX_WRITES}`]
  await using writer = await openWriter(db.uriFor('writer'), { argv })
  await using held = await hold('held')
  const put = () => writer.send('PUT', 'products/held', { headers: lenient, body: { name: 'ours' } })
  const answers = Promise.all(Array.from({ length: 3 * MAX_WRITES }, put))
  await eventually(async () => expect(await connectionsOf('freshet-writer')).toHaveLength(MAX_WRITES + 2))
  const before = await beats()
  await eventually(async () => expect(await beats()).not.toEqual(before))
  expect(await connectionsOf('freshet-writer-control')).toHaveLength(3 + 2)
  await held.release()
  const statuses = (await answers).map(({ status }) => status)
  expect(statuses.filter((status) => status === 200)).toHaveLength(MAX_WRITES)
  expect(statuses.filter((status) => status === 503)).toHaveLength(2 * MAX_WRITES)
  await eventually(async () => expect(await writer.status()).toMatchObject({ inFlight: 0 }))
})
