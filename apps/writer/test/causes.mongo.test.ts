import { afterAll, expect, test } from '@jest/globals'
import { formatLineage, type Hop } from '@freshet/protocol'
import { eventually, openTestDatabase } from '@freshet/testkit'
import { bearer, collections, openWriter, type Got, type OpenWriter } from './support/open-writer.ts'

const db = await openTestDatabase({ own: true, collections })
afterAll(() => db[Symbol.asyncDispose]())

interface Product {
  readonly _id: string
  readonly name: string
}
const products = db.admin.db('shop').collection<Product>('products')
const causes = db.admin.db('shop').collection('freshet_causes')

const hop = (handler: string, ...writes: string[]): Hop => ({ handler, heard: 'orders/42', writes })
const recount = hop('stock/recount', 'products')

const authorization = await bearer('stock', 'shop')

/** The headers of a request by a handler, whoever sends it. */
function said(...lineage: readonly Hop[]): Record<string, string> {
  return { 'freshet-hops': String(lineage.length), 'freshet-cause': formatLineage(lineage) }
}

/** The headers of a request by a handler, with its token. */
function caused(...lineage: readonly Hop[]): Record<string, string> {
  return { authorization, ...said(...lineage) }
}

/** What happened according to the database's own feed, in order. */
async function heardWhile(work: () => Promise<unknown>): Promise<readonly string[]> {
  await using stream = db.admin.db('shop').watch([{ $match: { 'ns.coll': { $ne: 'freshet' } } }])
  const heard: string[] = []
  await stream.tryNext()
  await work()
  await products.insertOne({ _id: `end-${Math.random()}`, name: 'end' })
  for (;;) {
    const event = await stream.next()
    if (!('documentKey' in event)) continue
    const document = 'fullDocument' in event ? event.fullDocument : undefined
    if (document?.['name'] === 'end') return heard
    const place = `${event.ns.coll} ${event.operationType} ${event.clusterTime?.toBigInt()}`
    heard.push(document?.['cause'] === undefined ? place : `${place} ${String(document['cause'])}`)
  }
}

test('a declared write reports its cause to the feed in its own transaction, and leaves nothing behind', async () => {
  await using writer = await openWriter(db.uriFor('writer'))
  const headers = caused(recount)
  const heard = await heardWhile(async () => {
    const answer = await writer.send('PUT', 'products/told', { headers, body: { name: 'x' } })
    expect(answer.status).toBe(201)
  })
  const times = heard.map((line) => line.split(' ')[2])
  expect(new Set(times).size).toBe(1)
  expect(heard.map((line) => line.replace(` ${times[0]}`, ''))).toEqual([
    `freshet_causes insert ${formatLineage([recount])}`,
    'products insert',
    'freshet_causes delete',
  ])
  expect(await causes.countDocuments()).toBe(0)
})

test('a write without a cause takes no transaction and reports no cause', async () => {
  await using writer = await openWriter(db.uriFor('writer'))
  const heard = await heardWhile(() => writer.send('PUT', 'products/plain', { body: { name: 'x' } }))
  expect(heard.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual(['products insert'])
})

const refusals: readonly [name: string, lineage: readonly Hop[], says: string][] = [
  ['an undeclared collection', [hop('stock/recount', 'orders')], 'did not declare'],
  ['too many hops', [hop('shop/price', 'orders'), recount], 'too far from the original write (--max-hops=1)'],
  ['a change caused by the handler itself', [recount, recount], 'received a change that it caused itself'],
]

test.each(refusals)(
  'G6.2 508 write-loop, with the chain, and nothing is written: %s',
  async (_, lineage, says) => {
    await using writer = await openWriter(db.uriFor('writer'))
    const answer = await writer.send('PUT', 'products/loop', {
      headers: caused(...lineage),
      body: { name: 'x' },
    })
    expect(answer.status).toBe(508)
    expect(answer.json).toMatchObject({ type: 'https://freshet.dev/problems/write-loop', retryable: false })
    expect(answer.json['detail']).toContain(says)
    expect(answer.json['detail']).toContain('orders/42 → stock/recount')
    expect(await products.findOne({ _id: 'loop' })).toBeNull()
    await eventually(async () =>
      expect(await writer.status()).toMatchObject({ problems: { 'write-loop': 1 } }),
    )
  },
)

test('G6.2 the hop limit is an option of the writer', async () => {
  const chain = caused(hop('shop/price', 'orders'), recount)
  const put = (writer: OpenWriter): Promise<Got> =>
    writer.send('PUT', 'products/hops', { headers: chain, body: { name: 'x' } })
  await using two = await openWriter(db.uriFor('writer'), { argv: ['--max-hops=2'] })
  expect((await put(two)).status).toBe(201)
  await using none = await openWriter(db.uriFor('writer'), { argv: ['--max-hops=0'] })
  expect((await put(none)).status).toBe(508)
})

test.each([
  ['hops without a cause', { authorization, 'freshet-hops': '1' }],
  ['no hops and an empty cause', { authorization, 'freshet-hops': '0', 'freshet-cause': '' }],
  ['zero hops', { authorization, 'freshet-hops': '0' }],
  ['an empty cause', { authorization, 'freshet-cause': '' }],
  ['a malformed cause', { authorization, 'freshet-cause': 'because' }],
  ['hops that contradict the cause', { ...caused(recount), 'freshet-hops': '2' }],
])('a cause that cannot be verified is 400 bad-header: %s', async (_, headers) => {
  await using writer = await openWriter(db.uriFor('writer'))
  const answer = await writer.send('PUT', 'products/loop', { headers, body: { name: 'x' } })
  expect(answer.status).toBe(400)
  expect(answer.json).toMatchObject({ type: 'https://freshet.dev/problems/bad-header' })
})

const forgers: readonly [name: string, token: string | undefined, status: number][] = [
  ['an anonymous caller', undefined, 401],
  ['a caller without the claim', await bearer(), 403],
  ['a handler of another service', await bearer('shop'), 403],
  ['a service whose name starts the same', await bearer('stoc', 'stock-2'), 403],
]

test.each(forgers)('G6.6 a cause from %s is rejected, and nothing is written', async (_, token, status) => {
  await using writer = await openWriter(db.uriFor('writer'))
  for (const collection of ['products', 'orders']) {
    const headers = {
      'if-none-match': '*',
      ...said(hop('stock/recount', collection)),
      ...(token !== undefined && { authorization: token }),
    }
    const answer = await writer.send('PUT', `${collection}/forged`, { headers, body: { name: 'x' } })
    expect(answer.status).toBe(status)
  }
  expect(await products.findOne({ _id: 'forged' })).toBeNull()
  expect(await db.admin.db('shop').collection<Product>('orders').findOne({ _id: 'forged' })).toBeNull()
  if (status === 403)
    await eventually(async () => expect(await writer.status()).toMatchObject({ problems: { forbidden: 2 } }))
})

test('G6.6 a service that writes for handlers must send a cause with each write', async () => {
  await using writer = await openWriter(db.uriFor('writer'))
  const put = (headers: Record<string, string>): Promise<Got> =>
    writer.send('PUT', 'orders/silent', { headers: { 'if-none-match': '*', ...headers }, body: {} })
  const silent = await put({ authorization })
  expect(silent.status).toBe(403)
  expect(silent.json['detail']).toContain('freshet_handlers')
  // Negative controls: the same token with a cause, and a token without the claim and without a cause.
  expect((await put(caused(hop('stock/recount', 'orders')))).status).toBe(201)
  expect((await put({ authorization: await bearer(), 'if-none-match': '"x"' })).status).toBe(200)
})

test('G6.6 without tokens, every cause is accepted and none is required', async () => {
  await using writer = await openWriter(db.uriFor('writer'), { argv: ['--no-tokens'] })
  const put = (headers: Record<string, string>): Promise<Got> =>
    writer.send('PUT', 'products/open', { headers, body: { name: 'x' } })
  expect((await put(said(recount))).status).toBe(201)
  expect((await put({})).status).toBe(200)
})
