/**
 * Started as a process of its own by `million.test.ts`: a million distinct keys through 64 MiB, with changes of held
 * keys in between. Prints what the process holds in the end, in bytes.
 */
import { ABSENT, bufferBytes, Cache, ownBuffer } from '../src/index.ts'

const budgetBytes = Number(process.argv[2])
const keys = Number(process.argv[3])
const absences = process.argv[4] === 'absences'
const cache = new Cache<Buffer>({ maxBytes: budgetBytes, sizeOf: bufferBytes })
const documents = [120, 300, 900, 3_000].map((length) => Buffer.alloc(length, 'x'))
const documentOf = (n: number): Buffer => ownBuffer(documents[n % documents.length] ?? Buffer.alloc(0))

/** What is reachable and not merely left over: `rss` also holds garbage, which small entries make much of. */
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
  // A change of one that is probably still held: holes are made in the middle, not only at the end.
  const older = `products/${Math.max(0, n - ((n * 7_919) % 50_000))
    .toString(16)
    .padStart(24, '0')}`
  if (cache.wants(older)) cache.upsert(older, absences ? ABSENT : documentOf(n + 1))
  if (n % 10_000 === 0) peak = Math.max(peak, process.memoryUsage().rss)
}
const heldBytes = reachableBytes() - reachable
const { entries, bytes, evictions } = cache
process.stdout.write(JSON.stringify({ entries, bytes, evictions, grownBytes: peak - before, heldBytes }))
