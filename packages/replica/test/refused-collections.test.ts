import { expect, test } from '@jest/globals'
import { Cache } from '@freshet/cache'
import { RECHECK_REFUSED_MS } from '../src/refused-collections.ts'
import { asText, Bench, silentLog } from './support/bench.ts'

const upsert = { kind: 'upsert', collection: 'a', id: '1' } as const
const redefined = { kind: 'invalidate-collection', collection: 'a' } as const
const refused = { code: 'COLLECTION_NOT_EXACT' }
const MiB = 2 ** 20

/** A live replica that refuses the collection `a` and received a document of it. `logged`: the entries about collections. */
async function openRefusing(): Promise<Bench & { readonly logged: readonly string[] }> {
  const logged: string[] = []
  const add = (fields: object, message: string): void =>
    void ('collection' in fields && logged.push('reason' in fields ? String(fields.reason) : message))
  const bench = new Bench({
    cache: new Cache({
      maxBytes: MiB,
      recent: { maxBytes: MiB, encode: asText.encode },
      sizeOf: asText.sizeOf,
    }),
    writeLog: { ...silentLog, error: add, info: add },
  })
  bench.reads.reasons.set('a', 'a right is missing')
  await bench.live()
  bench.history.commit([upsert])
  bench.tell()
  return Object.assign(bench, { logged })
}

/** Requests a document of the refused collection. */
async function request(bench: Bench): Promise<void> {
  await expect(bench.replica.get('a', '1')).rejects.toMatchObject(refused)
  await bench.settle()
}

test('R9 a refused collection is served again when its cause is gone, without a change in the feed and from no older cache', async () => {
  await using bench = await openRefusing()
  bench.reads.reasons.delete('a')
  bench.clock.advance(RECHECK_REFUSED_MS)
  await request(bench)
  await bench.drain()
  expect(bench.replica.status().refusedCollections).toEqual({})
  const answer = bench.replica.get('a', '1')
  await bench.drain()
  expect(await answer).toMatchObject({ values: ['s1'], via: 'miss' })
  expect(bench.logged).toEqual(['a right is missing', 'the collection is served again'])
})

test('R9 requests for refused collections cause one check at a time, and at most one every 5 s, even if it fails', async () => {
  await using bench = await openRefusing()
  await request(bench)
  expect(bench.reads.pending).toHaveLength(0)
  for (let n = 0; n < 3; n += 1) {
    bench.clock.advance(RECHECK_REFUSED_MS)
    await request(bench)
    await request(bench)
    expect(bench.reads.pending).toHaveLength(1)
    bench.reads.pending.shift()?.fail(new Error('by the test'))
    await bench.settle()
    await request(bench)
    expect(bench.reads.pending).toHaveLength(0)
  }
})

test('R9 a refused collection is not served before W includes what was committed until its check', async () => {
  await using bench = await openRefusing()
  bench.reads.reasons.delete('a')
  bench.clock.advance(RECHECK_REFUSED_MS)
  bench.history.commit([upsert])
  await request(bench)
  await bench.drain()
  expect(bench.replica.status().refusedCollections).toHaveProperty('a')
  await request(bench)
  bench.tell()
  await bench.drain()
  expect(bench.replica.status().refusedCollections).toEqual({})
})

test('R9 a refused collection is not served before W includes what was committed until its check, however long that takes', async () => {
  await using bench = await openRefusing()
  bench.reads.reasons.delete('a')
  bench.clock.advance(RECHECK_REFUSED_MS)
  bench.history.commit([upsert])
  await request(bench)
  await bench.drain()
  bench.clock.advance(RECHECK_REFUSED_MS)
  await bench.drain()
  bench.tell()
  await bench.drain()
  expect(bench.replica.status().refusedCollections).toHaveProperty('a')
  bench.clock.advance(RECHECK_REFUSED_MS)
  await request(bench)
  await bench.drain()
  expect(bench.replica.status().refusedCollections).toEqual({})
})

test('R9 a refusal is logged once for each reason', async () => {
  await using bench = await openRefusing()
  const check = async (): Promise<void> => {
    bench.feed.apply(bench.batch([redefined], bench.history.now, true))
    await bench.drain()
  }
  await check()
  bench.reads.reasons.set('a', 'it is a view')
  await check()
  await check()
  bench.reads.reasons.delete('a')
  await check()
  await check()
  bench.reads.reasons.set('a', 'it is a view')
  await check()
  expect(bench.logged).toEqual([
    'a right is missing',
    'it is a view',
    'the collection is served again',
    'it is a view',
  ])
})

test('R9 a refused collection whose reason changes is refused with the new one', async () => {
  await using bench = await openRefusing()
  bench.reads.reasons.set('a', 'it is not published')
  bench.clock.advance(RECHECK_REFUSED_MS)
  await request(bench)
  await bench.drain()
  expect(bench.replica.status().refusedCollections).toEqual({ a: 'it is not published' })
})
