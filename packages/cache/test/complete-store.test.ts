import { expect, test } from '@jest/globals'
import { ABSENT } from '../src/store.ts'
import { Cache } from '../src/cache.ts'
import { ENTRY_OVERHEAD_BYTES } from '../src/partial-store.ts'

const entry = ENTRY_OVERHEAD_BYTES + 'a/1'.length
const complete = (maxBytes: number): Cache<Uint8Array> =>
  new Cache({ maxBytes, sizeOf: (value) => value.byteLength, complete: true })
const bytes = (length: number): Uint8Array => new Uint8Array(length)
const facts = (cache: Cache<Uint8Array>) => [cache.entries, cache.bytes, cache.evictions, cache.loss]

test('C14 keeps every document, evicts none and treats any other as absent', () => {
  const cache = complete(3 * entry + 30)
  for (const key of ['a/1', 'a/2', 'b/1']) {
    expect(cache.wants(key)).toBe(true)
    cache.upsert(key, bytes(10))
  }
  expect(facts(cache)).toEqual([3, 3 * entry + 30, 0, undefined])
  expect([cache.peek('a/2'), cache.peek('a/3'), cache.get('a/3')]).toEqual([bytes(10), undefined, ABSENT])
  cache.upsert('a/1', bytes(4))
  cache.delete('a/2')
  expect(facts(cache)).toEqual([2, 2 * entry + 14, 0, undefined])
})

test('C14 absences cost nothing, since callers may request any id', () => {
  const cache = complete(entry)
  cache.install(cache.beginFill('a/1'), ABSENT)
  cache.delete('a/2')
  expect(facts(cache)).toEqual([0, 0, 0, undefined])
})

test('C14 dropping a collection releases its bytes and leaves other collections alone', () => {
  const cache = complete(4 * entry)
  for (const key of ['a/1', 'a/2', 'b/1']) cache.upsert(key, bytes(10))
  for (let times = 0; times < 2; times += 1) cache.emptyCollection('a')
  expect(facts(cache)).toEqual([1, entry + 10, 0, undefined])
  cache.upsert('a/2', bytes(1))
  expect([cache.peek('a/1'), cache.peek('a/2')]).toEqual([undefined, bytes(1)])
})

test.each<[string, string, (cache: Cache<Uint8Array>) => void]>([
  ['a document that does not fit', 'TOO_LARGE', (cache) => cache.upsert('a/2', bytes(entry))],
  ['an invalid size', 'TOO_LARGE', (cache) => cache.upsert('a/2', { byteLength: NaN } as Uint8Array)],
  ['a change without content', 'CONTENT_UNKNOWN', (cache) => cache.invalidate('a/2')],
  ['a collection with unknown content', 'CONTENT_UNKNOWN', (cache) => cache.invalidateCollection('b')],
  ['an unknown event', 'CONTENT_UNKNOWN', (cache) => cache.invalidateAll()],
])('C15 %s: the cache reports the loss and caches nothing until the next epoch', (_name, loss, ruin) => {
  const cache = complete(2 * entry)
  cache.upsert('a/1', bytes(1))
  ruin(cache)
  cache.upsert('a/3', bytes(1))
  expect(facts(cache)).toEqual([0, 0, 0, loss])
  cache.newEpoch()
  cache.upsert('a/3', bytes(1))
  expect(facts(cache)).toEqual([1, entry + 1, 0, undefined])
})
