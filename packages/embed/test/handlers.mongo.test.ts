import { afterAll, expect, test } from '@jest/globals'
import { currentCause } from '@freshet/handlers'
import type { Log } from '@freshet/kit'
import { eventually, openTestDatabase } from '@freshet/testkit'
import {
  asDocuments,
  openReplica,
  type ChangeHandler,
  type EmbeddedReplica,
  type HandlerContext,
  type HeardChange,
  type StoredDocument,
} from '../src/index.ts'
import type { ReplicaOptions } from '@freshet/replica'

const db = await openTestDatabase({ collections: ['orders', 'stock'] })
afterAll(() => db[Symbol.asyncDispose]())
const orders = db.admin.db('shop').collection<{ _id: string; n: number }>('orders')
const stock = db.admin.db('shop').collection<{ _id: string; n: number }>('stock')

const open = (options: Partial<ReplicaOptions> = {}, log?: Log): Promise<EmbeddedReplica<StoredDocument>> =>
  openReplica({
    uri: db.uriFor('reader'),
    database: 'shop',
    collections: { orders: 'string', stock: 'string' },
    encoder: asDocuments,
    handlers: { service: 'shop' },
    options,
    ...(log && { log }),
  })

/** A handler that runs `handle` and records the changes it received. */
function hearing(
  handle: (change: HeardChange, context: HandlerContext) => Promise<void> | void = () => undefined,
): ChangeHandler & { readonly heard: HeardChange[]; readonly resets: string[] } {
  const heard: HeardChange[] = []
  const resets: string[] = []
  return {
    name: 'hear',
    collections: ['orders'],
    heard,
    resets,
    handle: async (change, context) => {
      heard.push(change)
      await handle(change, context)
    },
    reset: (reason) => void resets.push(reason),
  }
}

test('E2 a handler receives every change of its collections once, in order, at a position that includes it', async () => {
  await using replica = await open()
  const values: unknown[] = []
  const handler = hearing(async ({ collection, id, at }) => {
    const { values: found } = await replica.get(collection, id, { atLeast: at })
    values.push(typeof found[0] === 'object' ? found[0].document['n'] : found[0])
  })
  replica.onChange(handler)
  for (let n = 0; n < 20; n += 1) {
    await orders.updateOne({ _id: `o${n % 3}` }, { $set: { n } }, { upsert: true })
    await stock.insertOne({ _id: `s${n}`, n })
  }
  await eventually(() => expect(handler.heard).toHaveLength(20))
  expect(handler.heard.map(({ collection, id, cause }) => [collection, id, cause])).toEqual(
    Array.from({ length: 20 }, (_, n) => ['orders', `o${n % 3}`, []]),
  )
  // A read may return a later state than the change, never an earlier one.
  expect(values.every((value, n) => Number(value) >= n)).toBe(true)
  expect(replica.handlers()).toMatchObject([{ handler: 'shop/hear', heard: 20, failed: 0, resets: 0 }])
})

test('E2 a handler receives a reset for a gap and when it falls behind; no queue grows without bound', async () => {
  await using replica = await open({ maxSubscriptionBytes: 1_024 })
  let release = (): void => undefined
  const handler = hearing(() => new Promise((resolve) => (release = resolve)))
  replica.onChange(handler)
  await orders.insertOne({ _id: 'slow', n: 0 })
  await eventually(() => expect(handler.heard).toHaveLength(1))
  for (let n = 0; n < 20; n += 1) {
    const { at } = replica
    await orders.updateOne({ _id: 'slow' }, { $inc: { n: 1 } })
    await eventually(() => expect(replica.at > at).toBe(true))
  }
  await replica.now({ waitMs: 60_000 })
  release()
  await eventually(() => expect(handler.resets).toEqual(['too-slow']))
  await eventually(() => {
    release()
    expect(handler.heard.length).toBeGreaterThan(1)
  })
  expect(handler.heard.length).toBeLessThan(10)
  await orders.drop()
  await eventually(() => {
    release()
    expect(handler.resets).toContain('drop-collection')
  })
})

test('E2 a failing handler is logged and receives the next change', async () => {
  const lines: [object, string][] = []
  const log: Log = {
    debug() {},
    info() {},
    warn() {},
    error: (fields, message) => lines.push([fields, message]),
  }
  await using replica = await open({}, log)
  const handler = hearing(({ id }) => {
    if (id === 'bad') throw new Error('cannot')
  })
  replica.onChange(handler)
  await orders.insertOne({ _id: 'bad', n: 1 })
  await orders.insertOne({ _id: 'good', n: 1 })
  await eventually(() => expect(handler.heard).toHaveLength(2))
  expect(replica.handlers()).toMatchObject([{ heard: 2, failed: 1 }])
  expect(lines).toMatchObject([[{ handler: 'shop/hear', heard: 'orders/bad' }, 'a handler failed']])
})

test('E2 a handler ends when it is disposed of or the replica is closed, after its last call has finished', async () => {
  await using replica = await open()
  let running = 0
  const slow = hearing(async (_, { signal }) => {
    running += 1
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => setImmediate(resolve), { once: true })
    })
    running -= 1
  })
  const handling = replica.onChange(slow)
  await orders.insertOne({ _id: 'e1', n: 1 })
  await eventually(() => expect(running).toBe(1))
  await handling[Symbol.asyncDispose]()
  expect(running).toBe(0)
  expect(replica.handlers()).toEqual([])
  replica.onChange(slow)
  await orders.insertOne({ _id: 'e2', n: 1 })
  await eventually(() => expect(running).toBe(1))
  await replica.close()
  expect(running).toBe(0)
})

test('E2 a handler may dispose of itself, or close the replica, without waiting for itself', async () => {
  const warnings: string[] = []
  const log: Log = { debug() {}, info() {}, warn: (_, message) => warnings.push(message), error() {} }
  await using replica = await open({}, log)
  const done: string[] = []
  const ending = replica.onChange(
    hearing(async ({ id }) => {
      await ending[Symbol.asyncDispose]()
      done.push(id)
    }),
  )
  await orders.insertOne({ _id: 'self', n: 1 })
  await eventually(() => expect(done).toEqual(['self']))
  await eventually(() => expect(replica.handlers()).toEqual([]))
  replica.onChange(
    hearing(async ({ id }) => {
      await replica.close()
      done.push(id)
    }),
  )
  await orders.insertOne({ _id: 'all', n: 1 })
  await eventually(() => expect(done).toEqual(['self', 'all']))
  expect(warnings).toEqual([])
})

test('E2 a handler that ignores its abort signal keeps its name until it has ended', async () => {
  const warnings: string[] = []
  const log: Log = { debug() {}, info() {}, warn: (_, message) => warnings.push(message), error() {} }
  await using replica = await open({}, log)
  let release = (): void => undefined
  let within: unknown
  const stubborn = hearing(async () => {
    await new Promise<void>((resolve) => (release = resolve))
    within = currentCause()?.lineage
  })
  const handling = replica.onChange(stubborn)
  await orders.insertOne({ _id: 'stubborn', n: 1 })
  await eventually(() => expect(stubborn.heard).toHaveLength(1))
  await handling[Symbol.asyncDispose]()
  expect(warnings).toEqual([expect.stringContaining('did not stop')])
  expect(replica.handlers()).toMatchObject([{ handler: 'shop/hear' }])
  release()
  await eventually(() => expect(within).toMatchObject([{ handler: 'shop/hear' }]))
  await eventually(() => expect(replica.handlers()).toEqual([]))
})

test('E2 a collection that is not followed is rejected', async () => {
  await using replica = await open()
  expect(() => replica.onChange({ ...hearing(), collections: ['people'] })).toThrow(
    expect.objectContaining({ code: 'UNKNOWN_COLLECTION' }),
  )
})

test('G6.3 a handler receives a change together with its cause', async () => {
  await using replica = await open()
  const handler = hearing()
  replica.onChange(handler)
  const causes = db.admin.db('shop').collection<{ _id: string; cause: string }>('freshet_causes')
  // As the writer does.
  await db.admin.withSession((session) =>
    session.withTransaction(async () => {
      const cause = 'stock/recount;heard="stock/7";writes="orders"'
      await causes.insertOne({ _id: 'x', cause }, { session })
      await orders.insertOne({ _id: 'caused', n: 1 }, { session })
      await causes.deleteOne({ _id: 'x' }, { session })
    }),
  )
  await orders.insertOne({ _id: 'free', n: 1 })
  await eventually(() => expect(handler.heard).toHaveLength(2))
  expect(handler.heard.map(({ id, cause }) => [id, cause])).toEqual([
    ['caused', [{ handler: 'stock/recount', heard: 'stock/7', writes: ['orders'] }]],
    ['free', []],
  ])
})
