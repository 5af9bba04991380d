import { expect, test } from '@jest/globals'
import { positionOf } from '@freshet/protocol'
import type { Notice } from '../src/contract.ts'
import { Bench } from './support/bench.ts'
import { ChangeStreamError } from '@freshet/change-stream'

const upsert = { kind: 'upsert', collection: 'a', id: '1' } as const

async function take(from: AsyncIterable<Notice>, count: number): Promise<readonly Notice[]> {
  const taken: Notice[] = []
  for await (const notice of from) {
    taken.push(notice)
    if (taken.length === count) break
  }
  return taken
}

test('R14 a subscriber hears of every change from its call on, in order, and of every gap', async () => {
  await using bench = await new Bench().live()
  const notices = bench.replica.changes(new AbortController().signal)
  bench.history.commit([upsert])
  bench.tell()
  bench.history.commit([{ kind: 'drop-collection', collection: 'a' }])
  bench.tell()
  bench.feed.broken(new ChangeStreamError('HISTORY_LOST', 'by the test'))
  bench.begin()
  expect(await take(notices, 3)).toEqual([
    { kind: 'changes', keys: [{ collection: 'a', id: '1' }], at: positionOf(1, 1) },
    { kind: 'reset', reason: 'drop-collection', at: positionOf(1, 2) },
    { kind: 'reset', reason: 'HISTORY_LOST', at: positionOf(1, 2) },
  ])
})

test('R14 what was told before a gap is not told again when the new epoch begins before it', async () => {
  await using bench = await new Bench().live()
  const notices = bench.replica.changes(new AbortController().signal)
  for (let n = 0; n < 3; n += 1) {
    bench.history.commit([upsert])
    bench.tell()
  }
  bench.feed.broken(new ChangeStreamError('HISTORY_LOST', 'by the test'))
  bench.begin(0)
  bench.tell(2)
  bench.history.commit([{ ...upsert, id: '2' }])
  bench.tell()
  const told = await take(notices, 5)
  expect(told.map(({ kind, at }) => [kind, at])).toEqual([
    ...[1, 2, 3].map((n) => ['changes', positionOf(1, n)]),
    ['reset', positionOf(1, 3)],
    ['changes', positionOf(1, 4)],
  ])
  expect(bench.replica.status().changesApplied).toBe(5)
})

test('R14 changes of one batch are told in order with what resets all', async () => {
  await using bench = await new Bench().live()
  const notices = bench.replica.changes(new AbortController().signal)
  bench.history.commit([
    { ...upsert, kind: 'invalidate' },
    { kind: 'drop-collection', collection: 'a' },
    { ...upsert, id: '2' },
    { ...upsert, id: '4' },
  ])
  bench.tell()
  bench.history.commit([upsert])
  bench.tell()
  const at = positionOf(1, 1)
  expect(await take(notices, 3)).toEqual([
    { kind: 'changes', keys: [{ collection: 'a', id: '1' }], at },
    { kind: 'reset', reason: 'drop-collection', at },
    { kind: 'changes', keys: ['2', '4'].map((id) => ({ collection: 'a', id })), at },
  ])
})

test('R14 one that is too slow loses its queue and hears so', async () => {
  await using bench = await new Bench({ options: { maxNotices: 2 } }).live()
  const notices = bench.replica.changes(new AbortController().signal)
  for (let n = 0; n < 3; n += 1) {
    bench.history.commit([upsert])
    bench.tell()
  }
  expect(await take(notices, 1)).toEqual([{ kind: 'reset', reason: 'too-slow', at: positionOf(1, 3) }])
})

test('R14 who wants some collections hears of nothing else, and is not slowed down by it', async () => {
  await using bench = await new Bench({ options: { maxNotices: 2 } }).live()
  const notices = bench.replica.changes(new AbortController().signal, new Set(['a']))
  for (let n = 0; n < 9; n += 1) {
    bench.history.commit([{ ...upsert, collection: 'b' }])
    bench.history.commit([{ kind: 'drop-collection', collection: 'b' }])
    bench.tell()
  }
  bench.history.commit([{ ...upsert, collection: 'b' }, upsert])
  bench.tell()
  bench.history.commit([{ kind: 'drop-collection', collection: 'a' }])
  bench.tell()
  expect(await take(notices, 2)).toEqual([
    { kind: 'changes', keys: [{ collection: 'a', id: '1' }], at: positionOf(1, 19) },
    { kind: 'reset', reason: 'drop-collection', at: positionOf(1, 20) },
  ])
})

test('R14 the subscription ends by its signal and by closing', async () => {
  const bench = await new Bench().live()
  const leaving = new AbortController()
  const ended = [
    take(bench.replica.changes(leaving.signal), 1),
    take(bench.replica.changes(new AbortController().signal), 1),
  ]
  leaving.abort()
  await bench.replica.close()
  expect(await Promise.all(ended)).toEqual([[], []])
})
