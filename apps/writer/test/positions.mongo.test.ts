import { afterAll, expect, test } from '@jest/globals'
import { positionOf } from '@freshet/protocol'
import { eventually, openTestDatabase } from '@freshet/testkit'
import { Timestamp, type ChangeStreamDocument } from 'mongodb'
import { createHash } from 'node:crypto'
import { collections, openWriter, type Got } from './support/open-writer.ts'

const db = await openTestDatabase({ collections })
const writer = await openWriter(db.uriFor('writer'))
afterAll(async () => {
  await writer[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})

const shop = db.admin.db('shop')

function positionIn(got: Got): string {
  return String(got.headers.get('freshet-position')).slice(9)
}

/** When the change was made, according to the change stream. */
function timeOf({ clusterTime }: ChangeStreamDocument): string {
  if (!(clusterTime instanceof Timestamp)) throw new Error('an event without a time')
  return positionOf(clusterTime.t, clusterTime.i)
}

test('the position of each kind of write is the time of its change, whatever else is written concurrently', async () => {
  await using stream = shop.collection('products').watch()
  const events: ChangeStreamDocument[] = []
  stream.on('change', (event) => events.push(event))
  await eventually(async () => {
    await shop.collection('products').insertOne({})
    expect(events.length).toBeGreaterThan(0)
  })
  const noise = new AbortController()
  const noisy = (async () => {
    while (!noise.signal.aborted) await shop.collection('orders').insertOne({})
  })()
  const made = await writer.send('POST', 'products', { body: { id: 'p', name: 'a' } })
  const replaced = await writer.send('PUT', 'products/p', { body: { name: 'b' } })
  const ifMatch = { 'if-match': String(replaced.headers.get('etag')) }
  const matched = await writer.send('PUT', 'products/p', { headers: ifMatch, body: { name: 'c' } })
  const lenient = { prefer: 'handling=lenient' }
  const overwritten = await writer.send('PUT', 'products/p', { headers: lenient, body: { name: 'd' } })
  const merge = { 'content-type': 'application/merge-patch+json' }
  const patched = await writer.send('PATCH', 'products/p', { headers: merge, body: { name: 'e' } })
  const removed = await writer.send('DELETE', 'products/p')
  const upserted = await writer.send('PUT', 'products/p', { headers: lenient, body: { name: 'f' } })
  const created = await writer.send('PUT', 'products/q', {
    headers: { 'if-none-match': '*' },
    body: { name: 'g' },
  })
  const star = { 'if-match': '*' }
  const last = await writer.send('DELETE', 'products/q', { headers: star })
  noise.abort()
  await noisy
  const all = [made, replaced, matched, overwritten, patched, removed, upserted, created, last]
  const ours = () =>
    events.filter((event) => 'documentKey' in event && /^[pq]$/.test(String(event.documentKey._id)))
  await eventually(() => expect(ours()).toHaveLength(all.length))
  expect(ours().map(timeOf)).toEqual(all.map(positionIn))
})

test('the source id is derived from the timeline, and a new one is adopted soon', async () => {
  const named = (timeline: string) => createHash('sha256').update(timeline).digest('hex').slice(0, 8)
  const control = shop.collection<{ _id: string; timeline: string }>('freshet')
  const first = await control.findOne({ _id: 'source' })
  const { headers } = await writer.send('PUT', 'products/source', { body: { name: 'a' } })
  expect(headers.get('freshet-position')?.slice(0, 8)).toBe(named(String(first?.timeline)))
  await control.updateOne({ _id: 'source' }, { $set: { timeline: 'another' } })
  await eventually(async () => {
    const { headers } = await writer.send('PUT', 'products/source', { body: { name: 'a' } })
    expect(headers.get('freshet-position')?.slice(0, 8)).toBe(named('another'))
  })
})
