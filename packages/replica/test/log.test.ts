import { afterEach, expect, test } from '@jest/globals'
import { ABSENT } from '@freshet/cache'
import { MemoryLog, MemorySource } from '@freshet/change-stream/memory'
import { systemClock } from '@freshet/kit'
import { eventually } from '@freshet/testkit'
import type { Encoder, Replica } from '../src/contract.ts'
import { createReplica } from '../src/create-replica.ts'
import { defaultReplicaOptions, type ReplicaOptions } from '../src/options.ts'
import { asText, collections, silentLog, sourceOf } from './support/bench.ts'

const parts = { id: sourceOf('00000001'), clock: systemClock, idleMs: 5 }
const opened: Replica<string>[] = []

afterEach(async () => {
  for (const replica of opened.splice(0)) await replica.close()
})

/** A replica over a log, with the real follower and clock. */
function over(
  source: MemorySource,
  options: Partial<ReplicaOptions> = {},
  encoder: Encoder<string> = asText,
): Replica<string> {
  const replica = createReplica({
    source,
    collections,
    encoder,
    options: { ...defaultReplicaOptions, ...options },
    clock: systemClock,
    random: Math.random,
    log: silentLog,
  })
  opened.push(replica)
  return replica
}

const upsert = (id: string, content: string) =>
  ({ kind: 'upsert', collection: 'a', id, document: Buffer.from(content) }) as const

test('R23 a replica over a log caches everything logged before its start and never misses', async () => {
  const log = new MemoryLog(parts)
  for (let n = 0; n < 100; n += 1) log.commit([upsert(`${n}`, `first ${n}`)])
  log.commit([{ kind: 'invalidate', collection: 'a', id: '1', document: Buffer.from('second') }])
  log.commit([{ kind: 'delete', collection: 'a', id: '2' }])
  const replica = over(log)
  await replica.start()
  const { values, via, stored } = await replica.many('a', ['0', '1', '2', 'never'])
  expect([values, via, stored]).toEqual([['first 0', 'second', ABSENT, ABSENT], 'hit', true])
  expect(replica.status()).toMatchObject({ entries: 99, misses: 0, fills: 0, evictions: 0 })
})

test('R23 invalid ids are refused, not reported as absent', async () => {
  const replica = over(new MemoryLog(parts))
  await replica.start()
  await expect(replica.get('a', 'no/id')).rejects.toMatchObject({ code: 'BAD_ID' })
  await expect(replica.get('c', '1')).rejects.toMatchObject({ code: 'UNKNOWN_COLLECTION' })
})

test('R5 `now` over a log includes everything logged before the call', async () => {
  const log = new MemoryLog(parts)
  const replica = over(log)
  await replica.start()
  for (let n = 0; n < 20; n += 1) {
    log.commit([upsert('1', `${n}`)])
    expect((await replica.get('a', '1', { atLeast: 'now' })).values).toEqual([`${n}`])
  }
})

test('R10 when a log restarts W does not fall, and nothing is served until it is reached again', async () => {
  const log = new MemoryLog(parts)
  const replica = over(log)
  await replica.start()
  log.commit([upsert('1', 'one')])
  const at = log.commit([upsert('2', 'two')])
  await replica.atLeast(at)
  log.loseHistory()
  await eventually(() => expect(replica.status().resyncs).toEqual({ start: 1, HISTORY_LOST: 1 }))
  const answer = await replica.many('a', ['1', '2', '3'])
  expect([answer.at >= at, answer.values]).toEqual([true, ['one', 'two', ABSENT]])
})

test('R24 documents that do not fit make the replica lost, with the reason', async () => {
  const log = new MemoryLog(parts)
  const replica = over(log, { cacheBytes: 10_000, fillWaitMs: 1 })
  await replica.start()
  log.commit([upsert('1', 'x'.repeat(10_000))])
  await eventually(() =>
    expect(replica.status()).toMatchObject({ brokenBy: 'TOO_LARGE', entries: 0, bytes: 0 }),
  )
  expect(replica.peek('a/1')).toBeUndefined()
  await expect(replica.get('a', '1')).rejects.toMatchObject({ code: 'SOURCE_REFUSED' })
})

test.each<[string, (source: MemorySource) => void, Encoder<string>]>([
  [
    'a change without its content',
    (source) => source.commit([{ kind: 'invalidate', collection: 'a', id: '1', document: Buffer.from('?') }]),
    asText,
  ],
  [
    'a collection of unknown content',
    (source) => source.commit([{ kind: 'invalidate-collection', collection: 'a' }]),
    asText,
  ],
  [
    'a document that cannot be encoded',
    (source) => source.commit([upsert('1', 'bad')]),
    {
      ...asText,
      encode: (document) => {
        if (Buffer.from(document).toString() === 'bad') throw new Error('by the test')
        return asText.encode(document)
      },
    },
  ],
])('R24 %s makes the replica lost, since nothing can be read', async (_name, ruin, encoder) => {
  // Not a proper log: it reports changes without content.
  const source = new MemorySource(parts)
  const replica = over(source, {}, encoder)
  await replica.start()
  ruin(source)
  await eventually(() => expect(replica.status().resyncs).toMatchObject({ CONTENT_UNKNOWN: 1 }))
})
