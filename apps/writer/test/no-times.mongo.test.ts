import { expect, test } from '@jest/globals'
import { eventually, openTestDatabase } from '@freshet/testkit'
import { MongoClient, Timestamp } from 'mongodb'
import { collections, openWriter, type Got } from './support/open-writer.ts'

/** A server without signing keys reports no times; after a start it has none for some seconds. */
const noKeys = { 'failpoint.disableKeyGeneration': JSON.stringify({ mode: 'alwaysOn' }) }

const merge = { 'content-type': 'application/merge-patch+json' }
const lenient = { prefer: 'handling=lenient' }
const star = { 'if-match': '*' }

const positionIn = (got: Got): string => String(got.headers.get('freshet-position')).slice(9)

test('W5 a server whose replies have no time: every answer has a position, never before what it states', async () => {
  await using db = await openTestDatabase({ collections, setParameters: noKeys })
  await using client = new MongoClient(db.uriFor('writer'))
  const reply = await client.db('shop').command({ find: 'freshet' })
  expect(reply['ok']).toBe(1)
  expect(reply['operationTime']).toBeUndefined()
  await using writer = await openWriter(db.uriFor('writer'))
  const times: string[] = []
  // The oplog has all changes in order, with their times.
  const lastTime = async (): Promise<string> => {
    const [last] = await db.admin
      .db('local')
      .collection('oplog.rs')
      .find({ ns: { $in: ['shop.products', 'admin.$cmd'] } })
      .sort({ $natural: -1 })
      .limit(1)
      .toArray()
    return last?.['ts'].toBigInt().toString(16).padStart(16, '0') ?? ''
  }
  for (const [method, path, status, headers, body] of [
    ['POST', 'products', 201, {}, { id: 'p', name: 'a' }],
    ['PUT', 'products/p', 200, {}, { name: 'b' }],
    ['PUT', 'products/p', 200, lenient, { name: 'c' }],
    ['PUT', 'products/p', 200, star, { name: 'd' }],
    ['PATCH', 'products/p', 200, merge, { name: 'e' }],
    ['POST', 'products', 409, {}, { id: 'p', name: 'f' }],
    ['PUT', 'products/p', 412, { 'if-none-match': '*' }, { name: 'f' }],
    ['PATCH', 'products/never', 404, merge, { name: 'f' }],
    ['DELETE', 'products/never', 404, {}, undefined],
    ['DELETE', 'products/p', 204, star, undefined],
    ['PUT', 'products/p', 201, lenient, { name: 'g' }],
    ['DELETE', 'products/p', 204, {}, undefined],
  ] as const) {
    const got = await writer.send(method, path, { headers, ...(body && { body }) })
    expect([method, path, got.status]).toEqual([method, path, status])
    const at = positionIn(got)
    expect(at).toMatch(/^[0-9a-f]{16}$/)
    expect(at >= (await lastTime())).toBe(true)
    times.push(at)
  }
  expect(times).toEqual(times.toSorted())
})

test('W5 the substitute time equals the reported one wherever a server has both', async () => {
  await using db = await openTestDatabase({ collections })
  const products = { insert: 'products', documents: [{ _id: 'a' }] }
  const update = { update: 'products', updates: [{ q: { _id: 'a' }, u: { $set: { n: 1 } } }] }
  const remove = { delete: 'products', deletes: [{ q: { _id: 'a' }, limit: 1 }] }
  for (const command of [products, products, update, update, remove, remove]) {
    const reply = await db.admin.db('shop').command({ ...command, writeConcern: { w: 'majority', j: true } })
    expect(reply['operationTime']).toBeInstanceOf(Timestamp)
    expect(reply['opTime'].ts).toEqual(reply['operationTime'])
  }
})

test('W5 a set that is killed and restarted repeatedly under writes: no answer is 500', async () => {
  await using db = await openTestDatabase({ own: true, collections })
  await using writer = await openWriter(db.uriFor('writer'))
  const counts = new Map<number, number>()
  const over = new AbortController()
  const work = async (worker: number): Promise<void> => {
    for (let n = 0; !over.signal.aborted; n++) {
      const put = { body: { name: `${n}` } }
      for (const got of [
        await writer.send('PUT', `products/w${worker}`, put),
        await writer.send('PATCH', `products/w${worker}`, { headers: merge, ...put }),
        await writer.send('POST', 'products', { body: { name: `${n}` } }),
      ])
        counts.set(got.status, (counts.get(got.status) ?? 0) + 1)
    }
  }
  const workers = Array.from({ length: 8 }, (_, worker) => work(worker))
  const done = (): number => [200, 201].reduce((sum, status) => sum + (counts.get(status) ?? 0), 0)
  const someMore = async (): Promise<void> => {
    const wanted = done() + 100
    await eventually(() => expect(done()).toBeGreaterThan(wanted))
  }
  await someMore()
  for (let kill = 0; kill < 2; kill++) {
    await db.restart('kill')
    await someMore()
  }
  over.abort()
  await Promise.all(workers)
  expect([...counts.keys()].filter((status) => ![200, 201, 503, 504].includes(status))).toEqual([])
})
