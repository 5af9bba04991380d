import { bytes } from '@freshet/kit'
import type { HeapRule } from '@freshet/service/start'

const MiB = 2 ** 20

export const cacheSize = bytes('cache-size', 256 * MiB, 'The memory for cached documents.')

/** The largest share of the heap for the cache; the rest is for requests, the driver, and garbage. */
export const CACHE_SHARE = 0.75

/** The heap of a reader: its cache and a third more, and 64 MiB. */
export const readerHeap: HeapRule = {
  options: [cacheSize],
  heapBytes: ([cacheBytes = 0]) => cacheBytes / CACHE_SHARE + 64 * MiB,
}
