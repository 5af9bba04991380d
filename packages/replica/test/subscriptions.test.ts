import { getEventListeners } from 'node:events'
import { ChangeStreamError } from '@freshet/change-stream'
import { expect, test } from '@jest/globals'
import { positionOf } from '@freshet/protocol'
import type { Notification, SubscribeOptions } from '../src/contract.ts'
import { asText, Bench } from './support/bench.ts'

const upsert = { kind: 'upsert', collection: 'a', id: '1' } as const

type Heard = AsyncIterable<Notification<string>>

const listen = (bench: Bench, options: Partial<SubscribeOptions> = {}): Heard =>
  bench.replica.changes({ signal: new AbortController().signal, ...options })

async function take(from: Heard, count: number): Promise<readonly Notification<string>[]> {
  const taken: Notification<string>[] = []
  for await (const notification of from) {
    taken.push(notification)
    if (taken.length === count) break
  }
  return taken
}

test('R14 a subscriber gets every change from its call on, in order and with its document, and every gap', async () => {
  await using bench = await new Bench().live()
  const heard = listen(bench)
  bench.history.commit([upsert])
  bench.tell()
  bench.history.commit([{ ...upsert, kind: 'delete' }])
  bench.tell()
  bench.history.commit([{ kind: 'drop-collection', collection: 'a' }])
  bench.tell()
  bench.feed.broken(new ChangeStreamError('HISTORY_LOST', 'by the test'))
  bench.begin()
  const document = bench.history.at('a/1', 1)
  expect(await take(heard, 4)).toEqual([
    { kind: 'changes', changes: [{ ...upsert, document }], at: positionOf(1, 1) },
    { kind: 'changes', changes: [{ ...upsert, kind: 'delete' }], at: positionOf(1, 2) },
    { kind: 'reset', reason: 'drop-collection', at: positionOf(1, 3) },
    { kind: 'reset', reason: 'HISTORY_LOST', at: positionOf(1, 3) },
  ])
})

test('R14 changes delivered before a gap are not repeated when the new epoch starts before it', async () => {
  await using bench = await new Bench().live()
  const heard = listen(bench)
  for (let n = 0; n < 3; n += 1) {
    bench.history.commit([upsert])
    bench.tell()
  }
  bench.feed.broken(new ChangeStreamError('HISTORY_LOST', 'by the test'))
  bench.begin(0)
  bench.tell(2)
  bench.history.commit([{ ...upsert, id: '2' }])
  bench.tell()
  const told = await take(heard, 5)
  expect(told.map(({ kind, at }) => [kind, at])).toEqual([
    ...[1, 2, 3].map((n) => ['changes', positionOf(1, n)]),
    ['reset', positionOf(1, 3)],
    ['changes', positionOf(1, 4)],
  ])
  expect(bench.replica.status().changesApplied).toBe(5)
})

test('R14 changes of one batch are delivered in order with resets', async () => {
  await using bench = await new Bench().live()
  const heard = listen(bench)
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
  const told = await take(heard, 3)
  expect(told).toMatchObject([
    { kind: 'changes', changes: [{ ...upsert, kind: 'invalidate' }], at },
    { kind: 'reset', reason: 'drop-collection', at },
    { kind: 'changes', changes: ['2', '4'].map((id) => ({ ...upsert, id })), at },
  ])
})

test('R12 R14 a document that cannot be encoded is delivered as an invalidation', async () => {
  const encode = (): string => {
    throw new Error('by the test')
  }
  await using bench = await new Bench({ encoder: { ...asText, encode } }).live()
  const heard = listen(bench)
  bench.history.commit([upsert])
  bench.tell()
  expect(await take(heard, 1)).toEqual([
    { kind: 'changes', changes: [{ ...upsert, kind: 'invalidate' }], at: positionOf(1, 1) },
  ])
})

test('R14 a subscriber too many bytes behind gets a reset in place of its queue; a single batch is always delivered', async () => {
  await using bench = await new Bench({ options: { maxSubscriptionBytes: 600 } }).live()
  const heard = listen(bench)
  const tell = (commits: number): void => {
    for (let n = 0; n < commits; n += 1) bench.history.commit([upsert])
    bench.tell()
  }
  tell(2)
  tell(1)
  expect(await take(heard, 1)).toEqual([{ kind: 'reset', reason: 'too-slow', at: positionOf(1, 3) }])
  const fast = listen(bench)
  tell(9)
  const [all] = await take(fast, 1)
  expect(all).toMatchObject({ kind: 'changes', at: positionOf(1, 12) })
  expect(all?.kind === 'changes' && all.changes).toHaveLength(9)
})

test('R14 consumed notifications release their bytes', async () => {
  await using bench = await new Bench({ options: { maxSubscriptionBytes: 600 } }).live()
  const heard = listen(bench)[Symbol.asyncIterator]()
  for (let n = 1; n <= 20; n += 1) {
    bench.history.commit([upsert])
    bench.tell()
    expect(await heard.next()).toMatchObject({ value: { kind: 'changes', at: positionOf(1, n) } })
  }
})

test('R14 a subscriber to some collections gets nothing of others, and is not delayed by them', async () => {
  await using bench = await new Bench({ options: { maxSubscriptionBytes: 600 } }).live()
  const heard = listen(bench, { collections: ['a'] })
  for (let n = 0; n < 9; n += 1) {
    bench.history.commit([{ ...upsert, collection: 'b' }])
    bench.history.commit([{ kind: 'drop-collection', collection: 'b' }])
    bench.tell()
  }
  bench.history.commit([{ ...upsert, collection: 'b' }, upsert])
  bench.tell()
  bench.history.commit([{ kind: 'drop-collection', collection: 'a' }])
  bench.tell()
  expect(await take(heard, 2)).toMatchObject([
    { kind: 'changes', changes: [upsert], at: positionOf(1, 19) },
    { kind: 'reset', reason: 'drop-collection', at: positionOf(1, 20) },
  ])
})

test('R14 ten thousand subscribers of other collections cost a change nothing: nothing is encoded for them', async () => {
  let encoded = 0
  const encode = (document: Uint8Array): string => {
    encoded += 1
    return asText.encode(document)
  }
  await using bench = await new Bench({ encoder: { ...asText, encode } }).live()
  for (let n = 0; n < 10_000; n += 1) listen(bench, { collections: ['b'] })
  const tell = (): void => {
    bench.history.commit([upsert])
    bench.tell()
  }
  tell()
  expect(encoded).toBe(0)
  const heard = [listen(bench, { collections: ['a'] }), listen(bench, { collections: ['a', 'b'] })]
  tell()
  expect(encoded).toBe(1)
  const told = await Promise.all(heard.map((each) => take(each, 1)))
  expect(told[0]).toEqual(told[1])
})

test('R14 a subscription ends with its signal and with close', async () => {
  const bench = await new Bench().live()
  const leaving = new AbortController()
  const ended = [take(listen(bench, { signal: leaving.signal }), 1), take(listen(bench), 1)]
  leaving.abort()
  await bench.replica.close()
  expect(await Promise.all(ended)).toEqual([[], []])
})

test.each(['before its first `next`', 'while a `next` is pending', 'after a notification'])(
  'R14 an iterator that is returned %s is unsubscribed at once',
  async (when) => {
    let encoded = 0
    const encode = (document: Uint8Array): string => {
      encoded += 1
      return asText.encode(document)
    }
    await using bench = await new Bench({ encoder: { ...asText, encode } }).live()
    const tell = (): void => {
      bench.history.commit([upsert])
      bench.tell()
    }
    const heard = listen(bench)[Symbol.asyncIterator]()
    const pending = when === 'before its first `next`' ? undefined : heard.next()
    if (when === 'after a notification') {
      tell()
      expect(await pending).toMatchObject({ done: false })
      expect(encoded).toBe(1)
    }
    expect(await heard.return?.()).toEqual({ done: true, value: undefined })
    if (when === 'while a `next` is pending') expect(await pending).toEqual({ done: true, value: undefined })
    encoded = 0
    tell()
    expect(encoded).toBe(0)
    expect(await heard.next()).toEqual({ done: true, value: undefined })
  },
)

test('R14 subscribers of one signal share a listener, which the last one removes', async () => {
  await using bench = await new Bench().live()
  const leaving = new AbortController()
  const { signal } = leaving
  const heard = Array.from({ length: 20 }, () => listen(bench, { signal })[Symbol.asyncIterator]())
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  const ended = heard.slice(1).map((each) => each.next())
  await heard[0]?.return?.()
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  leaving.abort()
  expect(await Promise.all(ended)).toEqual(ended.map(() => ({ done: true, value: undefined })))
  expect(getEventListeners(signal, 'abort')).toHaveLength(0)

  const other = new AbortController().signal
  for (const each of [listen(bench, { signal: other }), listen(bench, { signal: other })])
    await each[Symbol.asyncIterator]().return?.()
  expect(getEventListeners(other, 'abort')).toHaveLength(0)
})
