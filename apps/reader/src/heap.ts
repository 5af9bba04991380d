import { ConfigError } from '@freshet/kit'

/** The rest is for requests, for the driver, and for garbage until it is collected. */
const SHARE = 0.75

const MiB = 2 ** 20

/**
 * Documents are cached in the heap of JavaScript, and a full heap is a crash. @throws {ConfigError} when the cache is to have
 * more than three quarters of `heapBytes`.
 */
export function checkHeap(cacheBytes: number, heapBytes: number): void {
  if (cacheBytes <= heapBytes * SHARE) return
  const wanted = Math.ceil(cacheBytes / SHARE / MiB)
  throw new ConfigError(
    'CONFLICT',
    `--cache-size is ${Math.round(cacheBytes / MiB)}MiB, and the heap of this process ends at ` +
      `${Math.round(heapBytes / MiB)}MiB: start Node.js with --max-old-space-size=${wanted} or more.`,
  )
}
