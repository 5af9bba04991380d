import { expect, test } from '@jest/globals'
import { positionOf, type Position } from '@freshet/protocol'
import { Bench, sourceOf } from './support/bench.ts'
import { ChangeStreamError } from '@freshet/change-stream'
import { defaultReplicaOptions } from '../src/options.ts'

const upsert = { kind: 'upsert', collection: 'a', id: '1' } as const

test('R4 a read waits for its position and is answered in the batch that reaches it', async () => {
  await using bench = await new Bench().live()
  const answer = bench.replica.get('a', '1', { atLeast: positionOf(1, 1) })
  await bench.settle()
  bench.history.commit([upsert])
  bench.tell()
  await bench.drain()
  expect(await answer).toMatchObject({ at: positionOf(1, 1), values: ['s1'] })
})

test('R4 a position not reached in time is BEHIND, and its waiter is removed', async () => {
  await using bench = await new Bench().live()
  const waiting = expect(bench.replica.atLeast(positionOf(1, 9))).rejects.toMatchObject({ code: 'BEHIND' })
  await bench.settle()
  bench.clock.advance(1_000)
  await waiting
  expect(bench.clock.sleeping).toBe(0)
})

test('R4 a position far ahead is BEHIND immediately', async () => {
  await using bench = await new Bench().live()
  await expect(bench.replica.atLeast(positionOf(62, 0))).rejects.toMatchObject({ code: 'BEHIND' })
})

test.each<unknown>([
  'foo',
  'zz',
  '',
  'NOW',
  '000000010000000',
  '00000001000000AA',
  'deadbeef.0000000100000000',
  { source: 'zz', at: positionOf(1, 0) },
  { source: 'deadbeef', at: 'zz' },
  {},
  null,
  7,
])('R4 an invalid position is BAD_POSITION immediately, without retry: %j', async (atLeast) => {
  await using bench = await new Bench().live()
  const refused = { code: 'BAD_POSITION', retry: false }
  // Callers without a type checker may pass anything.
  const asked = (): Position => JSON.parse(JSON.stringify(atLeast))
  await expect(bench.replica.get('a', '1', { atLeast: asked() })).rejects.toMatchObject(refused)
  await expect(bench.replica.many('a', ['1', '2'], { atLeast: asked() })).rejects.toMatchObject(refused)
  await expect(bench.replica.atLeast(asked())).rejects.toMatchObject(refused)
})

test('R4 a position of another source is refused', async () => {
  await using bench = await new Bench().live()
  const foreign = { source: sourceOf('deadbeef'), at: positionOf(1, 0) }
  await expect(bench.replica.atLeast(foreign)).rejects.toMatchObject({ code: 'WRONG_SOURCE' })
  await expect(bench.replica.get('a', '1', { atLeast: foreign })).rejects.toMatchObject({
    code: 'WRONG_SOURCE',
  })
})

test('R4 callers above the limit are refused', async () => {
  await using bench = await new Bench({ options: { maxWaiters: 2 } }).live()
  const ends = [1, 2].map(() =>
    expect(bench.replica.atLeast(positionOf(1, 9))).rejects.toMatchObject({ code: 'BEHIND' }),
  )
  await bench.settle()
  await expect(bench.replica.atLeast(positionOf(1, 9))).rejects.toMatchObject({ code: 'TOO_MANY_WAITERS' })
  bench.clock.advance(1_000)
  await Promise.all(ends)
})

test('R4 a caller can cancel', async () => {
  await using bench = await new Bench().live()
  const leaving = new AbortController()
  const end = expect(
    bench.replica.atLeast(positionOf(1, 9), { signal: leaving.signal }),
  ).rejects.toMatchObject({ code: 'CANCELLED' })
  await bench.settle()
  leaving.abort()
  await end
  expect(bench.clock.sleeping).toBe(0)
})

test('R5 one request for the latest position is shared by all callers from before it was sent, and by no later ones', async () => {
  await using bench = await new Bench().live()
  const early = [bench.replica.now(), bench.replica.now()]
  await bench.settle()
  expect(bench.reads.pending).toHaveLength(1)
  bench.history.commit([upsert])
  bench.tell()
  const late = bench.replica.now()
  await bench.drain()
  expect(await Promise.all(early)).toEqual([positionOf(1, 0), positionOf(1, 0)])
  expect(await late).toBe(positionOf(1, 1))
})

test('R5 a serving replica is BEHIND if the source does not report its latest position', async () => {
  await using bench = await new Bench().live()
  const refused = expect(bench.replica.now()).rejects.toMatchObject({ code: 'BEHIND' })
  await bench.settle()
  for (const pending of bench.reads.pending.splice(0)) pending.fail(new Error('by the test'))
  await refused
  const late = expect(bench.replica.get('a', '1', { atLeast: 'now' })).rejects.toMatchObject({
    code: 'BEHIND',
  })
  await bench.settle()
  bench.clock.advance(defaultReplicaOptions.positionWaitMs)
  await late
})

test('R4 R6 a read has at most one timer, and none while it does not wait', async () => {
  await using bench = await new Bench().live()
  bench.history.commit([upsert])
  const before = bench.clock.sleeping
  const read = bench.replica.get('a', '1', { atLeast: positionOf(1, 1), positionWaitMs: 50 })
  await bench.settle()
  expect(bench.clock.sleeping - before).toBe(1)
  bench.tell()
  await bench.settle()
  bench.tick()
  await bench.settle()
  // One of the shared read of the source, one of the caller.
  expect(bench.clock.sleeping - before).toBe(2)
  bench.clock.advance(60)
  await bench.drain()
  await expect(read).resolves.toMatchObject({ at: positionOf(1, 1) })
  expect(bench.clock.sleeping).toBe(before)
})

test('R10 W never falls: an epoch that starts earlier serves nothing until W is reached again', async () => {
  await using bench = await new Bench().live()
  for (let n = 0; n < 3; n += 1) bench.history.commit([upsert])
  bench.tell()
  bench.feed.broken(new ChangeStreamError('HISTORY_LOST', 'by the test'))
  bench.begin(1)
  expect(bench.replica.at).toBe(positionOf(1, 3))
  bench.tell(1)
  const answer = bench.replica.get('a', '1')
  await bench.drain()
  expect(bench.replica.state).toEqual({ kind: 'loading' })
  bench.tell()
  await bench.drain()
  expect(await answer).toMatchObject({ at: positionOf(1, 3), values: ['s3'] })
})

test('R10 a broken connection keeps the cache', async () => {
  await using bench = await new Bench().live()
  bench.history.commit([upsert])
  bench.tell()
  const answer = bench.replica.get('a', '1')
  await bench.drain()
  await answer
  bench.feed.broken(new ChangeStreamError('DISCONNECTED', 'by the test'))
  expect([bench.replica.state.kind, bench.replica.peek('a/1')]).toEqual(['lagging', 's1'])
})

test('R10 after lost history nothing is served, and waiting callers are answered in the next epoch', async () => {
  await using bench = await new Bench().live()
  bench.history.commit([upsert])
  bench.tell()
  const first = bench.replica.get('a', '1')
  await bench.drain()
  await first
  bench.feed.broken(new ChangeStreamError('HISTORY_LOST', 'by the test'))
  expect(bench.replica.peek('a/1')).toBeUndefined()
  const second = bench.replica.get('a', '1')
  bench.history.commit([upsert])
  bench.begin()
  bench.tell(0)
  await bench.drain()
  expect(await second).toMatchObject({ values: ['s2'], via: 'miss' })
  expect(bench.replica.status()).toMatchObject({ epoch: 2, resyncs: { start: 1, HISTORY_LOST: 1 } })
})

test('R10 without a known source every read is refused', async () => {
  await using bench = await new Bench().live()
  bench.feed.broken(new ChangeStreamError('SOURCE_UNKNOWN', 'by the test'))
  await expect(bench.replica.get('a', '1')).rejects.toMatchObject({ code: 'SOURCE_UNKNOWN' })
})

test('R11 Age counts from the last proof, and the replica is lagging after a long silence', async () => {
  await using bench = await new Bench().live()
  bench.clock.advance(4_000)
  expect(bench.replica.status()).toMatchObject({ ageMs: 4_000, proved: false, state: { kind: 'live' } })
  // Batches of a backlog move W and prove nothing.
  for (let n = 0; n < 4; n += 1) bench.history.commit([upsert])
  bench.tell(2)
  bench.clock.advance(1_001)
  expect(bench.replica.status()).toMatchObject({
    ageMs: 5_001,
    proved: true,
    state: { kind: 'lagging', since: 1_000 },
  })
  bench.tell()
  expect(bench.replica.status()).toMatchObject({ ageMs: 0, state: { kind: 'live' } })
})
