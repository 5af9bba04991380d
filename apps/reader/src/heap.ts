import { ConfigError } from '@freshet/kit'

/** The rest is for requests, the driver, and garbage. */
const SHARE = 0.75

const MiB = 2 ** 20

/**
 * Checks that the cache takes at most three quarters of the heap: running out of heap crashes the process. @throws
 * {ConfigError}
 */
export function checkHeap(cacheBytes: number, heapBytes: number): void {
  if (cacheBytes <= heapBytes * SHARE) return
  const required = Math.ceil(cacheBytes / SHARE / MiB)
  throw new ConfigError(
    'CONFLICT',
    `--cache-size is ${Math.round(cacheBytes / MiB)}MiB, but the heap limit is ` +
      `${Math.round(heapBytes / MiB)}MiB: start Node.js with --max-old-space-size=${required} or more.`,
  )
}
