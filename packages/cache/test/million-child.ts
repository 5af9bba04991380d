/**
 * Child process of `million.test.ts`: sends distinct keys through a bounded cache, with changes of cached keys in
 * between. Prints the memory use at the end, in bytes.
 */
import { ABSENT, bufferBytes, Cache, ownBuffer } from '../src/index.ts'

const budgetBytes = Number(process.argv[2])
const keys = Number(process.argv[3])
const absences = process.argv[4] === 'absences'
const cache = new Cache<Buffer>({ maxBytes: budgetBytes, sizeOf: bufferBytes })
const documents = [120, 300, 900, 3_000].map((length) => Buffer.alloc(length, 'x'))
const documentOf = (n: number): Buffer => ownBuffer(documents[n % documents.length] ?? Buffer.alloc(0))

/** Reachable memory only: `rss` also includes garbage, of which small entries produce a lot. */
function reachableBytes(): number {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const reachable = reachableBytes()
const before = process.memoryUsage().rss
let peak = 0
for (let n = 0; n < keys; n += 1) {
  const fill = cache.beginFill(`products/${n.toString(16).padStart(24, '0')}`)
  cache.install(fill, absences ? ABSENT : documentOf(n))
  // Change a key that is probably still cached, to fragment the middle of the heap too.
  const older = `products/${Math.max(0, n - ((n * 7_919) % 50_000))
    .toString(16)
    .padStart(24, '0')}`
  if (cache.wants(older)) cache.upsert(older, absences ? ABSENT : documentOf(n + 1))
  if (n % 10_000 === 0) peak = Math.max(peak, process.memoryUsage().rss)
}
const grownReachableBytes = reachableBytes() - reachable
const { entries, bytes, evictions } = cache
process.stdout.write(
  JSON.stringify({
    entries,
    bytes,
    evictions,
    grownBytes: peak - before,
    reachableBytes: grownReachableBytes,
  }),
)
