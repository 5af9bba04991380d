import { expect, test } from '@jest/globals'
import { ABSENT, Cache, ENTRY_OVERHEAD_BYTES } from '@freshet/cache'
import { positionOf, type IdType } from '@freshet/protocol'
import type { Answer } from '../src/contract.ts'
import { asText, Bench } from './support/bench.ts'
import { EvictionAbortsFills, IgnoresPins } from './support/broken.ts'

const upsert = (id: string) => ({ kind: 'upsert', collection: 'a', id }) as const
const tiny = { maxBytes: 2 * (ENTRY_OVERHEAD_BYTES + 10), sizeOf: asText.sizeOf }
const ids = ['1', '2', '3', '4', '5']

test('R6 callers of one key share one read, and a cached value needs none', async () => {
  await using bench = await new Bench().live()
  bench.history.commit([upsert('1')])
  bench.tell()
  const both = [bench.replica.get('a', '1'), bench.replica.get('a', '1')]
  await bench.drain()
  expect((await Promise.all(both)).map(({ via, values }) => [via, ...values])).toEqual([
    ['miss', 's1'],
    ['collapsed', 's1'],
  ])
  expect(await bench.replica.get('a', '1')).toMatchObject({ via: 'hit', stored: true })
  expect([bench.reads.sent, bench.replica.peek('a/1')]).toEqual([1, 's1'])
})

test('R6 misses of one tick share reads of at most 150 ids', async () => {
  await using bench = await new Bench().live()
  bench.history.commit([upsert('1')])
  bench.tell()
  const all = Array.from({ length: 301 }, (_, n) => bench.replica.get('a', String(n)))
  await bench.drain()
  const answers = await Promise.all(all)
  expect(answers.map(({ values }) => values[0]).filter((value) => value !== ABSENT)).toEqual(['s1'])
  expect(bench.reads.sent).toBe(3)
})

test('R6 a cancelled caller leaves the fill to other callers', async () => {
  await using bench = await new Bench().live()
  bench.history.commit([upsert('1')])
  bench.tell()
  const leaving = new AbortController()
  const left = expect(bench.replica.get('a', '1', { signal: leaving.signal })).rejects.toMatchObject({
    code: 'CANCELLED',
  })
  const stays = bench.replica.get('a', '1')
  await bench.settle()
  leaving.abort()
  await bench.drain()
  await left
  expect((await stays).values).toEqual(['s1'])
})

test('R6 a fill without callers is not sent', async () => {
  await using bench = await new Bench().live()
  const leaving = new AbortController()
  const left = expect(bench.replica.get('a', '1', { signal: leaving.signal })).rejects.toMatchObject({
    code: 'CANCELLED',
  })
  await bench.settle()
  leaving.abort()
  await left
  await bench.drain()
  expect(bench.reads.sent).toBe(0)
})

test('R6 a source that does not reply results in UNAVAILABLE, and nothing is leaked', async () => {
  await using bench = await new Bench().live()
  const end = expect(bench.replica.get('a', '1', { waitMs: 700 })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  })
  await bench.settle()
  bench.tick()
  bench.clock.advance(700)
  await end
})

async function readMany(cache: Cache<string>): Promise<{ answer: Answer<string>; sent: number }> {
  await using bench = await new Bench({ cache }).live()
  bench.history.commit(ids.map(upsert))
  bench.tell()
  const answer = bench.replica.many('a', ids)
  await bench.drain()
  return { answer: await answer, sent: bench.reads.sent }
}

test('R7 an answer larger than the cache comes from one position and one read', async () => {
  const { answer, sent } = await readMany(new Cache(tiny))
  expect(answer).toMatchObject({ values: ['s1', 's2', 's3', 's4', 's5'], at: positionOf(1, 1), stored: true })
  expect(sent).toBe(1)
})

test('R7 the same read evicts its own documents if pins are ignored', async () => {
  const { answer, sent } = await readMany(new IgnoresPins(tiny))
  expect(answer.stored).toBe(false)
  expect(sent).toBeGreaterThan(1)
})

test('R7 a document larger than the cache is answered', async () => {
  const { answer, sent } = await readMany(new Cache({ maxBytes: 100, sizeOf: asText.sizeOf }))
  expect([answer.values.length, answer.stored, sent]).toEqual([5, true, 1])
})

test('R7 the same read never ends if an eviction aborts a fill', async () => {
  class Both extends EvictionAbortsFills<string> {
    override pin(): void {}
    override unpin(): void {}
  }
  await using bench = await new Bench({ cache: new Both({ maxBytes: 100, sizeOf: asText.sizeOf }) }).live()
  bench.history.commit([upsert('1')])
  bench.tell()
  const end = expect(bench.replica.get('a', '1', { waitMs: 700 })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  })
  await bench.drain()
  bench.clock.advance(700)
  await end
})

test('R7 the entries of an answer are evicted down to the budget afterwards', async () => {
  const cache = new Cache(tiny)
  await readMany(cache)
  expect(cache.bytes).toBeLessThanOrEqual(tiny.maxBytes)
})

test('R8 an answer above the limit is refused', async () => {
  await using bench = await new Bench({ options: { maxAnswerBytes: 5 } }).live()
  bench.history.commit(ids.map(upsert))
  bench.tell()
  const end = expect(bench.replica.many('a', ids)).rejects.toMatchObject({ code: 'ANSWER_TOO_LARGE' })
  await bench.drain()
  await end
})

test('R9 an undeclared collection is UNKNOWN_COLLECTION, and an inexact one is refused with the reason', async () => {
  const bench = new Bench()
  bench.reads.reasons.set('b', 'it is a view')
  await using live = await bench.live()
  await expect(live.replica.get('c', '1')).rejects.toMatchObject({ code: 'UNKNOWN_COLLECTION' })
  await expect(live.replica.get('b', '1')).rejects.toThrow('it is a view')
  expect(live.replica.status().refusedCollections).toEqual({ b: 'it is a view' })
})

test('R9 a collection with a slash in its name is refused immediately', () => {
  const served: ReadonlyMap<string, IdType> = new Map([['a/b', 'string']])
  expect(() => new Bench({ collections: served })).toThrow(
    "'a/b' cannot be followed exactly: its name contains a slash",
  )
})

test('R9 a changed collection is not read while it is checked; other collections are served', async () => {
  await using bench = await new Bench().live()
  bench.history.commit([upsert('1'), { kind: 'upsert', collection: 'b', id: '1' }])
  bench.tell()
  const held = [bench.replica.get('a', '1'), bench.replica.get('b', '1')]
  await bench.drain()
  await Promise.all(held)
  bench.feed.apply(bench.batch([{ kind: 'invalidate-collection', collection: 'a' }], bench.history.now, true))
  expect([bench.replica.peek('a/1'), bench.replica.peek('b/1')]).toEqual([undefined, 's2'])
  bench.reads.reasons.set('a', 'it is capped now')
  const end = expect(bench.replica.get('a', '1')).rejects.toMatchObject({ code: 'COLLECTION_NOT_EXACT' })
  await bench.drain()
  await end
})

test('R9 a refusal says why, and its remedy is true for every database', async () => {
  await using bench = await new Bench().live()
  bench.reads.reasons.set('a', 'it is not published')
  bench.feed.apply(bench.batch([{ kind: 'invalidate-collection', collection: 'a' }], bench.history.now, true))
  const refusal = expect(bench.replica.get('a', '1')).rejects.toThrow(
    "COLLECTION_NOT_EXACT: 'a' cannot be followed exactly: it is not published (correct the cause that the message names, or serve another collection)",
  )
  await bench.drain()
  await refusal
})

test('R9 the result of an outdated check is ignored', async () => {
  await using bench = await new Bench().live()
  const touched = bench.batch([{ kind: 'invalidate-collection', collection: 'a' }], 0, true)
  bench.feed.apply(touched)
  bench.feed.apply(touched)
  const answer = expect(bench.replica.get('a', '1')).rejects.toMatchObject({ code: 'COLLECTION_NOT_EXACT' })
  await bench.settle()
  bench.reads.pending.shift()?.reply()
  await bench.settle()
  expect(bench.replica.status().refusedCollections).toEqual({})
  // The outdated result did not enable reads; the later check is running.
  expect([bench.deferred, bench.reads.pending.length]).toEqual([0, 1])
  bench.reads.reasons.set('a', 'it is a view now')
  await bench.drain()
  expect(bench.replica.status().refusedCollections).toEqual({ a: 'it is a view now' })
  await answer
})

test('R9 one check runs at a time; requests in the meantime go into the next, even after a failure', async () => {
  await using bench = await new Bench().live()
  const touch = (collection: string): void =>
    bench.feed.apply(bench.batch([{ kind: 'invalidate-collection', collection }], 0, true))
  for (let n = 0; n < 100; n += 1) touch('a')
  for (let n = 0; n < 100; n += 1) touch('b')
  await bench.settle()
  expect(bench.reads.pending).toHaveLength(1)
  bench.reads.pending.shift()?.fail(new Error('by the test'))
  await bench.settle()
  touch('b')
  bench.clock.advance(50)
  await bench.settle()
  expect(bench.reads.pending).toHaveLength(1)
  bench.reads.reasons.set('a', 'it is a view now')
  bench.reads.reasons.set('b', 'it is capped now')
  await bench.drain()
  expect(bench.replica.status().refusedCollections).toEqual({ a: 'it is a view now', b: 'it is capped now' })
})

test('R12 a document that cannot be encoded fails only its own read', async () => {
  await using bench = await new Bench({
    encoder: {
      ...asText,
      encode: (document) => {
        const text = asText.encode(document)
        if (text === 's1') throw new Error('cannot')
        return text
      },
    },
  }).live()
  bench.history.commit([upsert('1'), upsert('2')])
  bench.tell()
  const bad = expect(bench.replica.get('a', '1')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  const good = bench.replica.get('a', '2')
  await bench.drain()
  await bad
  expect((await good).values).toEqual(['s2'])
})

test('R12 a document whose size cannot be determined fails only its own read, and nothing is leaked', async () => {
  const sizeOf = (text: string): number => {
    if (text === 's1') throw new Error('cannot')
    return text.length
  }
  await using bench = await new Bench({ cache: new Cache({ ...tiny, sizeOf }) }).live()
  bench.history.commit([upsert('1'), upsert('2')])
  bench.tell()
  for (let round = 0; round < 2; round += 1) {
    const bad = expect(bench.replica.get('a', '1')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const good = bench.replica.get('a', '2')
    await bench.drain()
    await bad
    expect((await good).values).toEqual(['s2'])
  }
  expect(bench.reads.sent).toBe(2)
})

test('R12 the feed still applies its changes, both while it is being read and while it is queued', async () => {
  const sizeOf = (): number => {
    throw new Error('cannot')
  }
  await using bench = await new Bench({ cache: new Cache({ ...tiny, sizeOf }) }).live()
  // The absence in an empty collection is known only when W has reached the source's clock.
  const bad = expect(bench.replica.get('a', '1')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await bench.settle()
  bench.tick()
  bench.history.commit([upsert('1')])
  bench.reads.pending.splice(0).forEach((pending) => pending.reply())
  await bench.settle()
  bench.tell()
  await bench.drain()
  await bad
})

test('R13 closing ends every wait with STOPPED, and is idempotent', async () => {
  const bench = await new Bench().live()
  const ends = [
    expect(bench.replica.get('a', '1')).rejects.toMatchObject({ code: 'STOPPED' }),
    expect(bench.replica.atLeast(positionOf(1, 5))).rejects.toMatchObject({ code: 'STOPPED' }),
  ]
  await bench.settle()
  await Promise.all([bench.replica.close(), bench.replica.close()])
  await Promise.all(ends)
  await expect(bench.replica.get('a', '1')).rejects.toMatchObject({ code: 'STOPPED' })
  expect([bench.replica.state.kind, bench.replica.peek('a/1'), bench.clock.sleeping]).toEqual([
    'stopped',
    undefined,
    0,
  ])
})
