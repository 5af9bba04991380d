import { afterAll, expect, test } from '@jest/globals'
import { formatLineage } from '@freshet/protocol'
import { eventually } from '@freshet/testkit'
import { CommandTap } from './support/command-tap.ts'
import { bearer, openWriter } from './support/open-writer.ts'
import { append, merge, openKeyedWriter, problem, told } from './support/keyed-writer.ts'

const { db, writer, sender, products, records, close } = await openKeyedWriter(
  { setParameters: { ttlMonitorSleepSecs: 1 } },
  ['--max-body=64KiB'],
)
afterAll(close)

test('a write with an unknown outcome is applied once when repeated with its key', async () => {
  await products.insertOne({ _id: 'list', name: 'x', tags: [] })
  for (const data of [
    { writeConcernError: { code: 64, errmsg: 'waiting for replication timed out' } },
    { errorCode: 11602 },
  ]) {
    const send = sender()
    const first = await (async () => {
      await using _ = await db.failPoint(
        'failCommand',
        { times: 3 },
        { failCommands: ['commitTransaction'], appName: 'freshet-writer', ...data },
      )
      return await send('PATCH', 'products/list', append)
    })()
    expect(first.json).toMatchObject({ status: 504, ...problem('outcome-unknown'), id: 'list' })
    // An uncommitted transaction keeps the key until the server aborts it.
    await eventually(async () => expect((await send('PATCH', 'products/list', append)).status).toBe(200))
  }
  expect((await products.findOne({ _id: 'list' }))?.tags).toEqual(['x', 'x'])
})

test('a repeated write with a cause reports it once', async () => {
  const cause = formatLineage([{ handler: 'stock/recount', heard: 'orders/1', writes: ['products'] }])
  const send = sender('caused', 'tester', 'stock')
  const sent = { headers: { 'freshet-cause': cause }, body: { name: 'caused' } }
  await using stream = db.admin.db('shop').watch([{ $match: { 'ns.coll': { $ne: 'freshet' } } }])
  await stream.tryNext()
  const first = await send('POST', 'products', sent)
  expect(told(await send('POST', 'products', sent))).toEqual(told(first))
  await products.insertOne({ _id: 'end-of-causes', name: 'end' })
  const heard: string[] = []
  for (;;) {
    const event = await stream.next()
    if (!('documentKey' in event)) continue
    if (String(event.documentKey._id) === 'end-of-causes') break
    heard.push(`${event.ns.coll} ${event.operationType}`)
  }
  expect(heard).toEqual(['freshet_causes insert', 'products insert', 'freshet_causes delete'])
  const loop = {
    ...sent,
    headers: { 'freshet-cause': cause.replace('writes="products"', 'writes="orders"') },
  }
  expect((await send('POST', 'products', loop)).status).toBe(508)
})

test("an answer is stored for a day by the server's clock, then deleted, and the key can be used again", async () => {
  const indexes = await records.indexes()
  expect(indexes).toContainEqual(expect.objectContaining({ key: { expiresAt: 1 }, expireAfterSeconds: 0 }))
  await records.deleteMany({})
  const send = sender()
  const sent = { body: { name: 'a day' } }
  const first = await send('POST', 'products', sent)
  const [record] = await records.find({}, { promoteBuffers: true }).toArray()
  expect(Object.keys(record ?? {}).toSorted()).toEqual(
    ['_id', 'etag', 'expiresAt', 'json', 'location', 'request', 'status'].toSorted(),
  )
  // The record reveals neither the key nor its caller.
  expect(record).toMatchObject({ status: 201, etag: first.headers.get('etag') })
  expect([record?._id.toString('hex').length, record?.['request'].length]).toEqual([64, 32])
  const [now] = await db.admin
    .db('admin')
    .aggregate([{ $documents: [{}] }, { $set: { at: '$$NOW' } }])
    .toArray()
  const leftMs = record?.['expiresAt'].getTime() - now?.['at'].getTime()
  expect(Math.abs(leftMs - 24 * 3_600_000)).toBeLessThan(60_000)
  await records.updateMany({}, { $set: { expiresAt: new Date(0) } })
  await eventually(async () => expect(await records.countDocuments()).toBe(0))
  const later = await send('POST', 'products', sent)
  expect([later.status, later.headers.get('idempotency-replayed')]).toEqual([201, null])
  expect(await products.countDocuments({ name: 'a day' })).toBe(2)
})

test('an answer that is larger than a body may be is refused before anything is written; a minimal one is stored', async () => {
  const text = 'x'.repeat(100_000)
  await products.insertOne({ _id: 'large', name: text })
  const body = { price: 1 }
  const send = sender()
  const refused = await send('PATCH', 'products/large', { headers: merge, body })
  expect(refused.json).toMatchObject({ status: 422, ...problem('answer-too-large') })
  expect(refused.json['detail']).toContain('return=minimal')
  expect(refused.headers.get('freshet-position')).not.toBeNull()
  expect(await products.findOne({ _id: 'large' })).toEqual({ _id: 'large', name: text })
  const minimal = { headers: { ...merge, prefer: 'return=minimal' }, body }
  const first = await send('PATCH', 'products/large', minimal)
  expect([first.status, first.text]).toEqual([200, ''])
  expect(told(await send('PATCH', 'products/large', minimal))).toEqual(told(first))
  expect((await writer.send('PATCH', 'products/large', { headers: merge, body })).status).toBe(200)
})

test('a request without a key costs nothing extra; one with a key costs reads, a record and a transaction', async () => {
  await using tap = await CommandTap.open(db.servers.members[0]?.port ?? 0)
  await using tapped = await openWriter(tap.uriThrough(db.uriFor('writer')))
  const ofWrite = async (headers: Record<string, string>): Promise<readonly string[]> => {
    const from = tap.commands.length
    await tapped.send('POST', 'products', { headers, body: { name: 'x' } })
    // Handshakes, and commands on the control documents, come at any time.
    return tap.commands
      .slice(from)
      .map((command) => Object.entries(command)[0]?.join(' ') ?? '')
      .filter((said) => /^(find|insert|update|delete|commitTransaction) (?!freshet$)/.test(said))
  }
  expect(await ofWrite({})).toEqual(['insert products'])
  const headers = { 'idempotency-key': 'costs', authorization: await bearer() }
  const once = [
    'find idempotency',
    // The second one reads its size, because the first one finds neither large nor missing documents.
    'find products',
    'find products',
    'update idempotency',
    'insert products',
    'commitTransaction 1',
  ]
  expect(await ofWrite(headers)).toEqual(once)
  expect(await ofWrite(headers)).toEqual(['find idempotency', 'commitTransaction 1'])
  const metrics = await (await fetch(`${tapped.service.managementUrl}/metrics`)).text()
  expect(metrics).toMatch(/^freshet_writer_replays_total 1$/m)
  expect(metrics).toMatch(/^freshet_writer_writes_total 2$/m)
})
