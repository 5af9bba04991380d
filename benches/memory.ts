/**
 * How much memory does a cache entry take in addition to its document, and does the budget count it? Measures a million
 * documents of 300 bytes, after reads, and after each was replaced by a change, in random order.
 * `npm run --prefix benches memory`
 */
import { Cache } from '@freshet/cache'
import { mongodbCodec } from '@freshet/documents-mongodb'
import { documentEncoder, representationOf, type CachedDocument } from '@freshet/reader'
import { BSON } from 'mongodb'
import { randomUUID } from 'node:crypto'
import type { Row } from './peers/rounds.ts'
import { documentBytes, firstVersion, orderOf } from './shared/documents.ts'
import { printMachine } from './shared/figures.ts'

const entries = 1_000_000
const collection = 'order'
const wantedOverBytes = 200

interface Memory {
  readonly heap: number
  readonly resident: number
}

/** After several collections, because one does not free objects with finalizers. */
function used(): Memory {
  for (let i = 0; i < 4; i++) globalThis.gc?.()
  const { heapUsed, external, rss } = process.memoryUsage()
  return { heap: heapUsed + external, resident: rss }
}

const encoder = documentEncoder(mongodbCodec.encode)
const cache = new Cache<CachedDocument>({ maxBytes: 4 * 2 ** 30, sizeOf: encoder.sizeOf })

/** Ids are computed from a number, because a list of them would be measured too. */
const prefix = randomUUID().slice(0, 28)
const keyOf = (index: number): string => `${collection}/${idOf(index)}`
const idOf = (index: number): string => prefix + index.toString(16).padStart(8, '0')
const held = (index: number, version: number): CachedDocument =>
  encoder.encode(BSON.serialize(orderOf(idOf(index), version)))

function report(filling: string, empty: Memory, now: Memory): Row {
  const heap = (now.heap - empty.heap) / entries
  const resident = (now.resident - empty.resident) / entries
  const counted = cache.bytes / entries
  const over = (bytes: number): string => `document + ${(bytes - documentBytes).toFixed(0)} B`
  console.log(`\n${filling}`)
  console.log(`  heap      ${over(heap)}`)
  console.log(`  resident  ${over(resident)} (target: at most ${wantedOverBytes})`)
  console.log(`  counted   ${over(counted)}: ${((counted / resident) * 100).toFixed(0)} % of resident`)
  return {
    part: 'memory, a million entries',
    contestant: `cache, ${filling}`,
    seen: `${over(resident)} of JSON, resident`,
    mongodb: '',
    ratio: '',
    wanted: `at most ${wantedOverBytes} B`,
  }
}

if (globalThis.gc === undefined) throw new Error('start it with --expose-gc')
for (let i = 0; i < 20_000; i++) held(i, firstVersion)
const empty = used()
for (let i = 0; i < entries; i++) cache.install(cache.beginFill(keyOf(i)), held(i, firstVersion))
if (cache.entries !== entries) throw new Error(`expected ${entries} entries, got ${cache.entries}`)
printMachine()
console.log(
  `${entries} entries, keys of ${keyOf(0).length} characters, documents of ${documentBytes} bytes of JSON`,
)
const filled = report('filled', empty, used())

// A step coprime to the number of entries visits each one once, out of memory order.
const step = 611_953
for (let i = 0, at = 0; i < entries; i++, at = (at + step) % entries)
  cache.upsert(keyOf(at), held(at, firstVersion + 1))
const sample = cache.peek(keyOf(entries - 1))
const isSample = typeof sample === 'string' || typeof sample === 'object'
if (!isSample || !representationOf(sample).body.includes(`"version":${firstVersion + 1},`))
  throw new Error('the changes were not applied')
const replaced = report('each replaced once', empty, used())
process.send?.([filled, replaced])
