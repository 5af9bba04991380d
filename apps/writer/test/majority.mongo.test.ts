import { afterAll, expect, test } from '@jest/globals'
import { POSITION_ZERO } from '@freshet/protocol'
import { eventually, holdReplication, openTestDatabase } from '@freshet/testkit'
import type { Backend } from '../src/store/contract.ts'
import type { WriteStore } from '../src/store/contract.ts'
import { bearer, collections, openWriter } from './support/open-writer.ts'

const db = await openTestDatabase({ collections, nodes: 3 })
afterAll(() => db[Symbol.asyncDispose]())

const products = db.admin.db('shop').collection<{ _id: string; name: string }>('products')
const merge = { 'content-type': 'application/merge-patch+json' }
/** Long enough for a working set, short enough for one without a majority. */
const argv = ['--acknowledge-within=1s']

/** Sends requests whose refusals depend on writes that only the primary has; returns the statuses. */
async function refusalsWithoutMajority(over: (backend: Backend) => Backend): Promise<readonly number[]> {
  await products.deleteMany({}, { writeConcern: { w: 'majority' } })
  await products.insertOne({ _id: 'replaced', name: 'old' }, { writeConcern: { w: 'majority' } })
  await using writer = await openWriter(db.uriFor('writer'), { argv, over })
  const seen = await writer.send('PUT', 'products/replaced', { body: { name: 'seen' } })
  const ifMatch = { 'if-match': String(seen.headers.get('etag')) }
  await using _ = await holdReplication(db)
  await products.updateOne({ _id: 'replaced' }, { $set: { name: 'new' } }, { writeConcern: { w: 1 } })
  await products.insertOne({ _id: 'made', name: 'new' }, { writeConcern: { w: 1 } })
  const answers = await Promise.all([
    writer.send('PUT', 'products/replaced', { headers: ifMatch, body: { name: 'mine' } }),
    writer.send('POST', 'products', { body: { id: 'made', name: 'mine' } }),
    writer.send('PUT', 'products/made', { headers: { 'if-none-match': '*' }, body: { name: 'mine' } }),
    writer.send('DELETE', 'products/absent'),
  ])
  for (const { json } of answers.filter(({ status }) => status === 503))
    expect(json).toMatchObject({ type: 'https://freshet.dev/problems/unavailable' })
  return answers.map(({ status }) => status)
}

test('a refusal that depends on writes without a majority is not answered as a fact', async () => {
  expect(await refusalsWithoutMajority((backend) => backend)).toEqual([503, 503, 503, 503])
})

/** Refuses according to the primary, without a majority. */
class HastyStore implements WriteStore {
  readonly #store: WriteStore

  constructor(store: WriteStore) {
    this.#store = store
  }

  insert: WriteStore['insert'] = async (place, document) => {
    const taken = (await products.findOne({ _id: place.id }, { readConcern: { level: 'local' } })) !== null
    if (taken) return { outcome: 'taken', wrote: false, at: POSITION_ZERO }
    return await this.#store.insert(place, document)
  }

  replace: WriteStore['replace'] = (...all) => this.#store.replace(...all)

  replacePlain: WriteStore['replacePlain'] = (...all) => this.#store.replacePlain(...all)

  remove: WriteStore['remove'] = async (place) => {
    const found = await products.findOne({ _id: place.id }, { readConcern: { level: 'local' } })
    if (found === null) return { outcome: 'absent', wrote: false, at: POSITION_ZERO }
    return await this.#store.remove(place)
  }

  change: WriteStore['change'] = async (place, decide) => {
    const stored = await db.admin
      .db('shop')
      .collection<{ _id: string }>(place.collection.stored)
      .findOne<Uint8Array>({ _id: place.id }, { raw: true, readConcern: { level: 'local' } })
    const { write, value } = decide(stored ?? undefined)
    if (write === 'keep') return { value, wrote: false, at: POSITION_ZERO }
    return await this.#store.change(place, decide)
  }

  changeOnce: WriteStore['changeOnce'] = (...all) => this.#store.changeOnce(...all)
}

test('control: a store that refuses without a majority does answer such refusals', async () => {
  const statuses = await refusalsWithoutMajority((backend) => ({
    ...backend,
    store: new HastyStore(backend.store),
  }))
  expect(statuses).toEqual([412, 409, 412, 404])
})

test('a stored answer that only the primary has is not replayed before a majority has it', async () => {
  await using writer = await openWriter(db.uriFor('writer'), { argv })
  const headers = { authorization: await bearer(), 'idempotency-key': 'held' }
  const send = () => writer.send('POST', 'products', { headers, body: { name: 'once' } })
  {
    await using _ = await holdReplication(db)
    expect((await send()).json).toMatchObject({ type: 'https://freshet.dev/problems/outcome-unknown' })
    expect((await send()).json).toMatchObject({ type: 'https://freshet.dev/problems/unavailable' })
  }
  const again = await eventually(async () => {
    const got = await send()
    expect(got.status).toBe(201)
    return got
  })
  expect(again.headers.get('idempotency-replayed')).toBe('true')
  expect(await products.countDocuments({ name: 'once' })).toBe(1)
})

test('a unique value taken by a document without a majority is not answered as a fact either', async () => {
  await using writer = await openWriter(db.uriFor('writer'), { argv })
  await products.createIndex({ code: 1 }, { unique: true, sparse: true })
  for (const id of ['code-1', 'code-2'])
    await eventually(async () => {
      const got = await writer.send('PUT', `products/${id}`, { body: { name: 'x' } })
      expect([200, 201]).toContain(got.status)
    })
  const clash = () => writer.send('PATCH', 'products/code-2', { headers: merge, body: { code: 7 } })
  {
    await using _ = await holdReplication(db)
    await products.updateOne({ _id: 'code-1' }, { $set: { code: 7 } }, { writeConcern: { w: 1 } })
    expect((await clash()).json).toMatchObject({
      status: 503,
      type: 'https://freshet.dev/problems/unavailable',
    })
  }
  await eventually(async () => expect((await clash()).status).toBe(422))
})

test('a write that no majority acknowledges in time is 504, as one command and as a transaction', async () => {
  await using writer = await openWriter(db.uriFor('writer'), { argv })
  // The other members may still be catching up.
  for (const id of ['slow-2', 'slow-3'])
    await eventually(async () => {
      const got = await writer.send('PUT', `products/${id}`, { body: { name: 'x' } })
      expect([200, 201]).toContain(got.status)
    })
  {
    await using _ = await holdReplication(db)
    const answers = await Promise.all([
      writer.send('POST', 'products', { body: { id: 'slow-1', name: 'y' } }),
      writer.send('PUT', 'products/slow-2', { body: { name: 'y' } }),
      writer.send('PATCH', 'products/slow-3', { headers: merge, body: { name: 'y' } }),
    ])
    expect(answers.map(({ json }) => [json['status'], json['id']])).toEqual([
      [504, 'slow-1'],
      [504, 'slow-2'],
      [504, 'slow-3'],
    ])
  }
  // All writes are there once the other members receive them.
  const majority = { readConcern: { level: 'majority' }, writeConcern: { w: 'majority' } } as const
  await products.updateOne({ _id: 'after' }, { $set: { name: 'x' } }, { upsert: true, ...majority })
  expect(await products.countDocuments({ _id: /^slow/, name: 'y' })).toBe(3)
})
