import { expect, test } from '@jest/globals'
import { ABSENT } from '../src/store.ts'
import { Cache } from '../src/cache.ts'
import { ENTRY_OVERHEAD_BYTES, PartialStore } from '../src/partial-store.ts'

const entry = ENTRY_OVERHEAD_BYTES + 'a/1'.length
const sized = (maxBytes: number): PartialStore<Uint8Array> =>
  new PartialStore({ maxBytes, sizeOf: (value) => value.byteLength })
const bytes = (length: number): Uint8Array => new Uint8Array(length)

test('C2 evicts the least recently used entries, and the budget counts keys and overhead', () => {
  const store = sized(3 * entry + 30)
  for (const key of ['a/1', 'a/2', 'a/3']) store.set(key, bytes(10))
  expect(store.bytes).toBe(3 * entry + 30)
  store.get('a/1')
  store.set('a/4', bytes(10))
  expect(['a/1', 'a/2', 'a/3', 'a/4'].map((key) => store.has(key))).toEqual([true, false, true, true])
  expect(store.evictions).toBe(1)
})

test('C17 looking at an entry is no use: it is evicted as if nobody had looked', () => {
  const store = sized(3 * entry + 30)
  for (const key of ['a/1', 'a/2', 'a/3']) store.set(key, bytes(10))
  store.set('b/1', ABSENT)
  store.set('a/4', bytes(10))
  const looked = sized(3 * entry + 30)
  for (const key of ['a/1', 'a/2', 'a/3']) looked.set(key, bytes(10))
  expect(looked.look('a/1')).toEqual(bytes(10))
  expect(looked.look('a/9')).toBeUndefined()
  looked.set('b/1', ABSENT)
  looked.set('a/4', bytes(10))
  for (const key of ['a/1', 'a/2', 'a/3', 'a/4', 'b/1']) expect(looked.has(key)).toBe(store.has(key))
  expect(looked.has('a/1')).toBe(false)
})

test('C17 what is dropped, absent or pinned looks as it is read, and looking does not count against refreshes', () => {
  const store = sized(10 * entry + 100)
  for (const key of ['a/1', 'b/1', 'c/1']) store.set(key, bytes(10))
  store.emptyCollection('a')
  store.invalidateCollection('b')
  store.pin('c/1')
  expect(['a/1', 'b/1', 'c/1'].map((key) => store.look(key))).toEqual([ABSENT, undefined, bytes(10)])
  store.unpin('c/1')
  for (let refresh = 0; refresh < 4; refresh++) store.markRefreshed('c/1')
  store.look('c/1')
  expect(store.isUsed('c/1')).toBe(false)
})

test('C2 an absence costs an entry', () => {
  const store = sized(entry)
  store.set('a/1', ABSENT)
  expect([store.get('a/1'), store.bytes]).toEqual([ABSENT, entry])
})

test('C3 a pinned entry is not evicted until it has been unpinned as many times', () => {
  const store = sized(entry + 10)
  store.set('a/1', bytes(10))
  store.pin('a/1')
  store.pin('a/1')
  store.set('a/2', bytes(10))
  store.unpin('a/1')
  expect([store.has('a/1'), store.has('a/2')]).toEqual([true, true])
  store.unpin('a/1')
  expect([store.has('a/1'), store.has('a/2')]).toEqual([true, false])
  expect(store.bytes).toBe(entry + 10)
})

test('C3 a document larger than the whole budget is cached only while it is pinned', () => {
  const store = sized(entry + 10)
  store.set('a/1', bytes(11))
  expect(store.has('a/1')).toBe(false)
  store.pin('a/1')
  store.set('a/1', bytes(11))
  expect(store.get('a/1')).toHaveLength(11)
  store.unpin('a/1')
  expect([store.has('a/1'), store.bytes, store.entries]).toEqual([false, 0, 0])
})

test('C4 a value that outgrows the budget also removes its older version', () => {
  const store = sized(entry + 10)
  store.set('a/1', bytes(10))
  store.set('a/1', bytes(11))
  expect(store.get('a/1')).toBeUndefined()
})

test('C2 a fractional size is rounded up, and an invalid size never fits', () => {
  const store = new PartialStore<{ size: number }>({ maxBytes: 2 * entry + 10.5, sizeOf: ({ size }) => size })
  store.set('a/1', { size: 1.5 })
  expect(store.bytes).toBe(entry + 2)
  store.set('a/2', { size: 8.5 })
  expect([store.entries, store.bytes]).toEqual([1, entry + 9])
  for (const size of [Number.NaN, Number.POSITIVE_INFINITY, -1]) {
    store.set('a/3', { size })
    expect(store.has('a/3')).toBe(false)
  }
  store.pin('a/3')
  store.set('a/3', { size: Number.NaN })
  expect(store.get('a/3')).toEqual({ size: Number.NaN })
  store.unpin('a/3')
  expect([store.has('a/3'), store.bytes]).toEqual([false, entry + 9])
})

test('C3 removing a value releases the bytes counted when it was stored, and unpin cannot fail', () => {
  let size = (): number => 10
  const store = new PartialStore<object>({ maxBytes: 1_000, sizeOf: () => size() })
  store.pin('a/1')
  store.set('a/1', {})
  size = () => {
    throw new Error('from the test')
  }
  store.unpin('a/1')
  expect([store.has('a/1'), store.bytes]).toEqual([true, entry + 10])
})

test('C5 dropping a collection makes its entries absent without touching them', () => {
  const store = sized(1_000_000)
  for (let n = 0; n < 1_000; n += 1) store.set(`a/${n}`, bytes(10))
  store.set('b/1', bytes(10))
  store.emptyCollection('a')
  expect(store.entries).toBe(1_001)
  expect([store.get('a/7'), store.get('b/1')?.valueOf()]).toEqual([ABSENT, bytes(10)])
  store.set('a/8', bytes(3))
  expect(store.get('a/8')).toHaveLength(3)
  store.emptyCollection('a')
  expect(store.get('a/8')).toBe(ABSENT)
})

test('C5 a dropped entry releases its memory once; later reads only look it up', () => {
  class Counting extends PartialStore<Uint8Array> {
    sets = 0
    override set(key: string, value: Uint8Array | typeof ABSENT): void {
      this.sets += 1
      super.set(key, value)
    }
  }
  const store = new Counting({ maxBytes: 1_000_000, sizeOf: (value) => value.byteLength })
  store.set('a/1', bytes(10))
  store.set('a/2', ABSENT)
  for (const sets of [3, 3]) {
    store.emptyCollection('a')
    for (let n = 0; n < 3; n += 1) expect([store.get('a/1'), store.get('a/2')]).toEqual([ABSENT, ABSENT])
    expect([store.sets, store.bytes]).toEqual([sets, 2 * entry])
  }
  store.invalidateCollection('a')
  expect([store.get('a/1'), store.get('a/2')]).toEqual([undefined, undefined])
})

test('C5 after a rename onto the collection its older entries are unknown, including dropped ones', () => {
  const store = sized(1_000_000)
  store.set('a/1', bytes(1))
  store.emptyCollection('a')
  store.set('a/2', bytes(2))
  store.invalidateCollection('a')
  store.set('a/3', bytes(3))
  expect([store.get('a/1'), store.get('a/2'), store.get('a/3')]).toEqual([undefined, undefined, bytes(3)])
  expect(store.entries).toBe(1)
})

test('C5 a pinned entry is dropped with its collection', () => {
  const store = sized(1_000_000)
  store.set('a/1', bytes(1))
  store.pin('a/1')
  store.invalidateCollection('a')
  expect(store.get('a/1')).toBeUndefined()
  store.unpin('a/1')
  expect(store.get('a/1')).toBeUndefined()
})

test('C6 after a clear nothing is cached and pins remain', () => {
  const store = sized(entry)
  store.pin('a/1')
  store.set('a/1', bytes(500))
  store.clear()
  expect([store.entries, store.bytes]).toEqual([0, 0])
  store.set('a/1', bytes(500))
  expect(store.get('a/1')).toHaveLength(500)
})

/** Refreshed until it counts as unused. */
function unused(store: PartialStore<Uint8Array>, key: string): void {
  for (let n = 0; n < 4; n += 1) store.markRefreshed(key)
}

test('C16 an entry that was refreshed four times is unused until it is requested; other cached entries are used', () => {
  const store = sized(3 * entry + 30)
  for (const key of ['a/1', 'a/2']) store.set(key, bytes(10))
  for (let n = 0; n < 3; n += 1) store.markRefreshed('a/1')
  expect(store.isUsed('a/1')).toBe(true)
  store.markRefreshed('a/1')
  expect(['a/1', 'a/2', 'a/3'].map((key) => store.isUsed(key))).toEqual([false, true, false])
  store.get('a/1')
  expect(store.isUsed('a/1')).toBe(true)
})

test('C16 an invalidation keeps the count of an entry that is read again', () => {
  const store = sized(3 * entry + 30)
  store.set('a/1', bytes(10))
  for (let n = 0; n < 4; n += 1) {
    store.invalidate('a/1')
    store.set('a/1', bytes(10))
    store.markRefreshed('a/1')
  }
  expect(store.isUsed('a/1')).toBe(false)
})

test('C16 the fill of a refresh is no use, a request is', () => {
  const cache = new Cache<Uint8Array>({ maxBytes: 1_000, sizeOf: (value) => value.byteLength })
  const refresh = (): void => {
    cache.invalidate('a/1')
    cache.install(cache.beginFill('a/1'), bytes(10))
    cache.markRefreshed('a/1')
  }
  cache.install(cache.beginFill('a/1'), bytes(10))
  for (let n = 0; n < 4; n += 1) refresh()
  expect(cache.isUsed('a/1')).toBe(false)
  cache.get('a/1')
  refresh()
  expect(cache.isUsed('a/1')).toBe(true)
})

test.each<[string, (store: PartialStore<Uint8Array>) => void]>([
  ['the invalidation of an unused entry', (store) => store.invalidate('a/1')],
  ['an eviction', (store) => store.set('a/2', bytes(10))],
  ['a gap', (store) => store.clear()],
])('C16 %s ends what is known of the use of an entry', (_, removed) => {
  const store = sized(entry + 10)
  store.set('a/1', bytes(10))
  unused(store, 'a/1')
  removed(store)
  expect(store.isUsed('a/1')).toBe(false)
  store.set('a/1', bytes(10))
  expect(store.isUsed('a/1')).toBe(true)
})
