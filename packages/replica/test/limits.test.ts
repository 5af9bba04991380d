import { expect, test } from '@jest/globals'
import { Cache } from '@freshet/cache'
import { positionOf } from '@freshet/protocol'
import { MAX_IDS_PER_READ } from '../src/bounded-reads.ts'
import { asText, Bench } from './support/bench.ts'

const upsert = (id: string) => ({ kind: 'upsert', collection: 'a', id }) as const
const invalidate = (id: string) => ({ kind: 'invalidate', collection: 'a', id }) as const

/** Overtakes a running read until it falls back to a snapshot. */
async function overtakeUntilSnapshot(bench: Bench, ids: readonly string[]): Promise<void> {
  for (let n = 0; n < 3; n += 1) {
    await bench.settle()
    bench.tick()
    bench.history.commit(ids.map(invalidate))
    bench.tell()
    for (const pending of bench.reads.pending.splice(0)) pending.reply()
  }
  await bench.settle()
}

test('R8 a too large answer pins at most the limit plus one document while it is read', async () => {
  const documentBytes = 1_000
  const document = 'x'.repeat(documentBytes)
  const [cacheBytes, maxAnswerBytes] = [500, 10 * documentBytes]
  let peak = 0
  const cache: Cache<string> = new Cache<string>({
    maxBytes: cacheBytes,
    sizeOf: (value) => {
      peak = Math.max(peak, cache.bytes)
      return value.length
    },
  })
  const encoder = { ...asText, encode: () => document }
  await using bench = await new Bench({ cache, encoder, options: { maxAnswerBytes } }).live()
  const ids = Array.from({ length: 300 }, (_, n) => String(n))
  bench.history.commit(ids.map(upsert))
  bench.tell()
  const end = expect(bench.replica.many('a', ids)).rejects.toMatchObject({ code: 'ANSWER_TOO_LARGE' })
  await bench.drain()
  await end
  // Ten documents of 1,000 bytes with about 200 bytes of overhead each; all 300 would be 360,000.
  expect(peak).toBeLessThan(2 * maxAnswerBytes)
  expect(cache.bytes).toBeLessThanOrEqual(cacheBytes)
})

test('R8 an answer fails as soon as the documents so far exceed the limit', async () => {
  await using bench = await new Bench({ options: { maxAnswerBytes: 5 } }).live()
  const ids = Array.from({ length: 151 }, (_, n) => String(n))
  bench.history.commit(['0', '1', '2', '3'].map(upsert))
  bench.tell()
  const end = expect(bench.replica.many('a', ids)).rejects.toMatchObject({ code: 'ANSWER_TOO_LARGE' })
  await bench.settle()
  bench.tick()
  expect(bench.reads.pending).toHaveLength(2)
  bench.reads.pending.shift()?.reply()
  await end
})

test('R8 documents that shrink during the read are counted at their current size', async () => {
  const cache = new Cache<string>({ maxBytes: 10_000, sizeOf: asText.sizeOf })
  await using bench = await new Bench({
    cache,
    options: { maxAnswerBytes: 12 },
    encoder: {
      ...asText,
      encode: (bytes) => {
        const text = asText.encode(bytes)
        return text === 's1' ? 'ten bytes.' : text
      },
    },
  }).live()
  bench.history.commit([upsert('1')])
  bench.history.commit([upsert('2'), upsert('4')])
  bench.tell()
  const first = bench.replica.get('a', '1')
  await bench.drain()
  expect((await first).values).toEqual(['ten bytes.'])
  const answer = bench.replica.many('a', ['1', '2', '4'])
  await bench.settle()
  bench.tick()
  bench.history.commit([upsert('1')])
  bench.tell()
  await bench.drain()
  expect((await answer).values).toEqual(['s4', 's2', 's3'])
})

test('R6 callers of the same hot documents share one snapshot', async () => {
  await using bench = await new Bench().live()
  bench.history.commit([upsert('1'), upsert('2')])
  bench.tell()
  const ids = ['1', '2']
  const answers = Array.from({ length: 20 }, () => bench.replica.many('a', ids))
  await overtakeUntilSnapshot(bench, ids)
  const before = bench.reads.sent
  expect(bench.reads.pending).toHaveLength(1)
  await bench.drain()
  for (const answer of await Promise.all(answers))
    expect(answer).toMatchObject({ at: positionOf(1, 4), values: ['s7', 's8'], stored: false })
  expect(bench.reads.sent).toBe(before)
})

test('R6 a caller with a later floor does not share an earlier snapshot', async () => {
  await using bench = await new Bench().live()
  bench.history.commit([upsert('1'), upsert('2')])
  bench.tell()
  const ids = ['1', '2']
  const early = bench.replica.many('a', ids)
  await overtakeUntilSnapshot(bench, ids)
  const [snapshot] = bench.reads.pending.splice(0)
  bench.history.commit(ids.map(invalidate))
  bench.tell()
  const late = bench.replica.many('a', ids)
  await overtakeUntilSnapshot(bench, ids)
  const floor = positionOf(1, 5)
  snapshot?.reply()
  await bench.drain()
  expect((await early).at < floor).toBe(true)
  expect((await late).at >= floor).toBe(true)
})

test('R6 a snapshot without callers is neither read nor queued', async () => {
  await using bench = await new Bench({ options: { maxSourceReads: 1 } }).live()
  bench.history.commit(['1', '2', '4'].map(upsert))
  bench.tell()
  const leaving = new AbortController()
  const { signal } = leaving
  const ends = [
    ['1', '2'],
    ['2', '4'],
    ['1', '4'],
  ].map((ids) =>
    expect(bench.replica.many('a', ids, { signal })).rejects.toMatchObject({ code: 'CANCELLED' }),
  )
  await overtakeUntilSnapshot(bench, ['1', '2', '4'])
  const before = bench.reads.sent
  expect(bench.reads.pending).toHaveLength(1)
  leaving.abort()
  await Promise.all(ends)
  await bench.drain()
  expect(bench.reads.sent).toBe(before)
})

test.each([
  ['R6 a snapshot of several reads stops when no caller is left', 'CANCELLED', 16_000],
  ['R8 a snapshot of several reads stops when it is too large', 'ANSWER_TOO_LARGE', 100],
])('%s', async (_name, code, maxAnswerBytes) => {
  await using bench = await new Bench({ options: { maxAnswerBytes } }).live()
  const ids = Array.from({ length: MAX_IDS_PER_READ + 1 }, (_, n) => String(n))
  bench.history.commit(ids.map(upsert))
  bench.tell()
  const leaving = new AbortController()
  const end = expect(bench.replica.many('a', ids, leaving)).rejects.toMatchObject({ code })
  await overtakeUntilSnapshot(bench, ids)
  expect(bench.reads.pending).toHaveLength(1)
  const before = bench.reads.sent
  if (code === 'CANCELLED') leaving.abort()
  await bench.drain()
  await end
  expect(bench.reads.sent).toBe(before)
})

test('R9 no snapshot is read of a collection being checked', async () => {
  await using bench = await new Bench().live()
  bench.history.commit([upsert('1'), upsert('2')])
  bench.tell()
  const ids = ['1', '2']
  const answer = bench.replica.many('a', ids)
  const end = expect(answer).rejects.toMatchObject({ code: 'COLLECTION_NOT_EXACT' })
  for (let n = 0; n < 3; n += 1) {
    await bench.settle()
    bench.tick()
    bench.history.commit(ids.map(invalidate))
    bench.tell()
    const replies = bench.reads.pending.splice(0)
    if (n === 2) {
      bench.reads.reasons.set('a', 'it has a collation now')
      bench.feed.apply(
        bench.batch([{ kind: 'invalidate-collection', collection: 'a' }], bench.history.now, true),
      )
    }
    for (const pending of replies) pending.reply()
  }
  await bench.drain()
  await end
})
