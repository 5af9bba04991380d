import { afterAll, expect, test } from '@jest/globals'
import type { HandlerContext, HandlerRefusal } from '@freshet/embed'
import { eventually, openTestDatabase } from '@freshet/testkit'
import { MongoClient } from 'mongodb'
import { ownClient } from '../src/own-client.ts'
import { openStamper, type Stamp } from '../src/stamper.ts'
import { throughWriter } from '../src/through-writer.ts'
import { openWriter, tokenFor } from './support/open-writer.ts'

const db = await openTestDatabase({ collections: ['orders', 'stock'] })
afterAll(() => db[Symbol.asyncDispose]())

interface Order {
  readonly _id: string
  readonly stamps?: number
  readonly stampedAtMs?: number
}
const orders = db.admin.db('shop').collection<Order>('orders')

/** The stamper and the refusals that it reported. */
async function open(
  stamp: Stamp,
  ...writers: readonly string[]
): Promise<
  {
    readonly stamper: Awaited<ReturnType<typeof openStamper>>
    readonly refusals: readonly HandlerRefusal[]
  } & AsyncDisposable
> {
  const refusals: HandlerRefusal[] = []
  const stamper = await openStamper({
    uri: db.uriFor('reader'),
    database: 'shop',
    stamp,
    writers,
    onRefusal: (refusal) => refusals.push(refusal),
  })
  return { stamper, refusals, [Symbol.asyncDispose]: () => stamper.close() }
}

test('G7.3 the loop stops within 110 writes, and the reason is reported', async () => {
  const { client, stamp } = ownClient(db.uriFor('writer'), 'shop')
  await using _ = client
  const errors: unknown[] = []
  await using opened = await open((id, context) =>
    stamp(id, context).catch((error: unknown) => {
      errors.push(error)
      throw error
    }),
  )
  const { stamper, refusals } = opened
  await orders.insertOne({ _id: 'own' })
  await eventually(() => expect(refusals.length).toBeGreaterThan(0))
  // The stamper received each of its stamps, and the last one caused no write.
  await eventually(() => {
    const [status] = stamper.handlers()
    expect(status?.heard).toBe((status?.writes ?? 0) + 1)
  })
  const stamps = (await orders.findOne({ _id: 'own' }))?.stamps ?? 0
  expect(stamps).toBeGreaterThanOrEqual(100)
  expect(stamps).toBeLessThan(110)
  expect(refusals).toEqual([
    {
      reason: 'breaker',
      handler: 'stamper/stamp',
      heard: 'orders/own',
      collection: 'orders',
      chain: 'orders/own → stamper/stamp',
    },
  ])
  expect(String(errors[0])).toBe(
    'HandlerError: BREAKER_OPEN: stamper/stamp tried to write to orders because of orders/own, as often as only a loop would (orders/own → stamper/stamp)',
  )
})

test('G7.3 other orders are still stamped while one is blocked', async () => {
  const { client, stamp } = ownClient(db.uriFor('writer'), 'shop')
  await using _ = client
  // Only one order is stamped repeatedly.
  await using opened = await open(async (id, context) => {
    const order = await orders.findOne({ _id: id })
    if (id === 'loops' || order?.stamps === undefined) await stamp(id, context)
  })
  await orders.insertOne({ _id: 'loops' })
  await eventually(() => expect(opened.refusals.length).toBeGreaterThan(0))
  await orders.insertOne({ _id: 'honest' })
  await eventually(async () => expect(await orders.findOne({ _id: 'honest' })).toMatchObject({ stamps: 1 }))
})

test('G7.3 negative control: with an unwatched client the loop continues', async () => {
  await using client = new MongoClient(db.uriFor('writer'))
  const unwatched = client.db('shop').collection<Order>('orders')
  await using opened = await open((id) => unwatched.updateOne({ _id: id }, { $inc: { stamps: 1 } }))
  await orders.insertOne({ _id: 'endless' })
  await eventually(async () =>
    expect((await orders.findOne({ _id: 'endless' }))?.stamps).toBeGreaterThan(200),
  )
  expect(opened.refusals).toEqual([])
})

test('G6.3 through the writer the loop ends after one round, because the writer knows the lineage', async () => {
  await using writer = await openWriter(db.uriFor('writer'), '--max-hops=16')
  const errors: unknown[] = []
  const stamp = throughWriter(writer.url, tokenFor('stamper'))
  await using opened = await open(
    (id, context) => stamp(id, context).catch((error: unknown) => errors.push(error)),
    writer.url,
  )
  await orders.insertOne({ _id: 'told' })
  await eventually(() => expect(errors).toHaveLength(1))
  expect(String(errors[0])).toContain('the writer answered 508')
  expect(String(errors[0])).toContain(
    'stamper/stamp received a change that it caused itself: orders/told → stamper/stamp → orders/told → stamper/stamp',
  )
  expect(opened.stamper.handlers()).toMatchObject([{ heard: 2, failed: 0 }])
})

test('G7.3 a client that keeps the `fetch` of the first call cannot loop through the writer', async () => {
  await using writer = await openWriter(db.uriFor('writer'), '--max-hops=16')
  const stamp = throughWriter(writer.url, tokenFor('stamper'))
  let kept: HandlerContext | undefined
  await using opened = await open((id, context) => stamp(id, (kept ??= context)), writer.url)
  await orders.insertOne({ _id: 'kept' })
  await eventually(() => expect(opened.refusals).toHaveLength(1))
  expect(opened.refusals).toMatchObject([{ reason: 'stale-context', heard: 'orders/kept' }])
  expect(opened.stamper.handlers()).toMatchObject([{ heard: 2, writes: 1, failed: 1 }])
})
