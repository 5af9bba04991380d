import { expect, test } from '@jest/globals'
import { formatLineage, headers, loopFault, MAX_HOPS, parseLineage, type Lineage } from '@freshet/protocol'
import * as fc from 'fast-check'
import { currentCause } from '../src/cause.ts'
import { defaultBucketLimits } from '../src/breaker.ts'
import { ChangeHandlers } from '../src/change-handlers.ts'
import type { HandlerContext } from '../src/contract.ts'
import type { HandlerRuns } from '../src/handler-runs.ts'
import type { BucketLimits } from '../src/breaker-bucket.ts'
import { KeptLog } from '@freshet/testkit'
import { change, HandClock, never } from './support.ts'

/**
 * Which documents a handler writes: the one with the same id, a new one, two new ones, or a new one that the write does
 * not name, like an upsert by another field.
 */
type Documents = 'same' | 'new' | 'several' | 'unnamed'

/** One handler of a service: receives changes of one collection and writes to others. */
interface Node {
  readonly documents: Documents
  readonly service: number
  readonly hears: number
  readonly writes: readonly number[]
}

const COLLECTIONS = 6
const collection = fc.nat({ max: COLLECTIONS - 1 })
const graph: fc.Arbitrary<readonly Node[]> = fc
  .array(
    fc.array(
      fc.record({
        documents: fc.constantFrom<Documents>('same', 'new', 'several', 'unnamed'),
        hears: collection,
        writes: fc.uniqueArray(collection, { maxLength: 2 }),
      }),
      {
        minLength: 1,
        maxLength: 3,
      },
    ),
    { minLength: 2, maxLength: 6 },
  )
  .map((services) =>
    services.flatMap((handlers, service) => handlers.map((handler) => ({ service, ...handler }))),
  )
/** The same graphs, but all writes go "downwards", so there is no cycle. */
const acyclic = graph.map((nodes) =>
  nodes.map((node) => ({ ...node, writes: node.writes.filter((to) => to > node.hears) })),
)

/** The same graph, but handlers write the document with the id they received. */
const same = (nodes: readonly Node[]): readonly Node[] =>
  nodes.map((node) => ({ ...node, documents: 'same' }))
/** The same handlers, all in one service. */
const together = (nodes: readonly Node[]): readonly Node[] => nodes.map((node) => ({ ...node, service: 0 }))
/** One service over few collections: reaching new documents on many paths is no loop, but just as much work. */
const oneService: fc.Arbitrary<readonly Node[]> = graph.map((nodes) =>
  together(nodes.slice(0, 3)).map((node) => ({
    ...node,
    hears: node.hears % 3,
    writes: node.writes.map((to) => to % 3),
  })),
)

/** The outcome of some external writes to each collection. */
interface Outcome {
  /** Writes on the longest path, including the first. */
  readonly longest: number
  readonly refused: number
  /** How often one handler received one document. */
  readonly mostHeard: number
  /** Whether it ended by itself. */
  readonly ended: boolean
}

/** More changes than any of these graphs can cause before it is stopped. */
const BUDGET = 50_000

/** External writes to each collection before the handlers run: more than a small bucket permits. */
const FIRST = 12

/** How a service writes: with the cause that the feed will report, or without one. */
type Way = (
  collection: string,
  id: string | undefined,
  maxHops: number,
  context: HandlerContext,
) => Lineage | undefined

/** Through a writer, which sees the headers. */
const through =
  (door: Door): Way =>
  (collection, _, maxHops, context) =>
    door(context.headers[headers.cause] ?? '', collection, maxHops)

/** With its own watched client, for which the feed reports no cause. */
const ownClient: Way = (collection, id) => {
  try {
    currentCause()?.judge({
      collections: [collection],
      keys: id === undefined ? [] : [`${collection}/${id}`],
    })
    return []
  } catch {
    // The caller counts the refusal.
    return undefined
  }
}

/**
 * Runs services with real handlers over a database that records what a real feed reports of each change: the document,
 * and the cause as text.
 */
async function play(
  nodes: readonly Node[],
  maxHops: number,
  way: Way = through(theWriter),
  { first = 1, bucket = defaultBucketLimits }: { first?: number; bucket?: BucketLimits } = {},
): Promise<Outcome> {
  const feed: { readonly key: string; readonly cause: Lineage }[] = []
  let refused = 0
  let longest = 0
  const services = new Map<number, ChangeHandlers>()
  const serviceOf = (service: number): ChangeHandlers => {
    const [clock, log] = [new HandClock(), new KeptLog()]
    const handlers =
      services.get(service) ??
      new ChangeHandlers({ service: `s${service}`, database: 'app', clock, log, bucket })
    services.set(service, handlers)
    return handlers
  }
  const runs = nodes.map((node, index): HandlerRuns => {
    return serviceOf(node.service).add({
      name: `h${index}`,
      collections: [`c${node.hears}`],
      allowWrites: node.writes.map((to) => ({ collection: `c${to}`, reason: 'the graph' })),
      handle: ({ id }, context) => {
        for (const to of node.writes) {
          for (const made of idsOf(node.documents, id, index)) {
            const cause = way(`c${to}`, node.documents === 'unnamed' ? undefined : made, maxHops, context)
            if (cause === undefined) refused += 1
            else feed.push({ key: `c${to}/${made}`, cause })
          }
        }
      },
    })
  })
  for (let n = 0; n < COLLECTIONS * first; n += 1)
    feed.push({ key: `c${n % COLLECTIONS}/${n % COLLECTIONS}`, cause: [] })
  const times = new Map<string, number>()
  let heard = 0
  for (let next = feed[heard]; next !== undefined && heard < BUDGET; heard += 1, next = feed[heard]) {
    longest = Math.max(longest, next.cause.length + 1)
    times.set(next.key, (times.get(next.key) ?? 0) + 1)
    for (const [index, node] of nodes.entries())
      if (next.key.startsWith(`c${node.hears}/`)) await runs[index]?.hear(change(next.key, next.cause), never)
  }
  expect(currentCause()).toBeUndefined()
  return { longest, refused, mostHeard: Math.max(...times.values()), ended: heard < BUDGET }
}

function idsOf(documents: Documents, id: string, handler: number): readonly string[] {
  if (documents === 'same') return [id]
  return documents === 'several' ? [`${id}.${handler}a`, `${id}.${handler}b`] : [`${id}.${handler}`]
}

/** How a writer responds to a request: the cause that the feed will report, or a refusal. */
type Door = (header: string, collection: string, maxHops: number) => Lineage | undefined

const theWriter: Door = (header, collection, maxHops) => {
  const cause = parseLineage(header)
  return cause === undefined || loopFault(cause, collection, maxHops)
    ? undefined
    : parseLineage(formatLineage(cause))
}

/** Whether some collection leads back to itself. */
function hasCycle(nodes: readonly Node[]): boolean {
  const reaches = (from: number, to: number, seen = new Set<number>()): boolean =>
    nodes.some(
      ({ hears, writes }) =>
        hears === from &&
        writes.some((next) => {
          if (next === to) return true
          if (seen.has(next)) return false
          seen.add(next)
          return reaches(next, to, seen)
        }),
    )
  return Array.from({ length: COLLECTIONS }, (_, index) => index).some((start) => reaches(start, start))
}

test('G6.4 every cycle over 2 to 6 services ends within the limit plus one write', async () => {
  let cycles = 0
  await fc.assert(
    fc.asyncProperty(graph, fc.integer({ min: 0, max: 4 }), async (nodes, maxHops) => {
      const { longest, ended, refused } = await play(nodes, maxHops)
      expect(ended).toBe(true)
      expect(longest).toBeLessThanOrEqual(maxHops + 1)
      if (!hasCycle(nodes)) return
      cycles += 1
      // It did not end by itself.
      expect(refused).toBeGreaterThan(0)
    }),
    { numRuns: 300 },
  )
  expect(cycles).toBeGreaterThan(50)
})

test('G6.4 no acyclic graph is stopped if the hop limit is at least its depth', async () => {
  await fc.assert(
    fc.asyncProperty(acyclic, async (nodes) => {
      expect(hasCycle(nodes)).toBe(false)
      const { refused, ended } = await play(nodes, COLLECTIONS)
      expect({ refused, ended }).toEqual({ refused: 0, ended: true })
    }),
    { numRuns: 300 },
  )
})

test('G6.4 a cycle is stopped where it closes, whatever the hop limit', async () => {
  const ring = (length: number): readonly Node[] =>
    Array.from({ length }, (_, index) => ({
      service: index,
      documents: 'new',
      hears: index,
      writes: [(index + 1) % length],
    }))
  for (let length = 1; length <= COLLECTIONS; length += 1) {
    const { longest, ended } = await play(ring(length), MAX_HOPS)
    expect({ longest, ended }).toEqual({ longest: length + 1, ended: true })
  }
})

test('G7.3 with their own clients, which report no cause, every cycle over 2 to 6 services ends too', async () => {
  let cycles = 0
  await fc.assert(
    fc.asyncProperty(graph.map(same), async (nodes) => {
      const { ended, refused } = await play(nodes, 1, ownClient)
      expect(ended).toBe(true)
      if (!hasCycle(nodes)) return
      cycles += 1
      expect(refused).toBeGreaterThan(0)
    }),
    { numRuns: 40 },
  )
  expect(cycles).toBeGreaterThan(5)
})

test.each<Documents>(['new', 'several', 'unnamed'])(
  'G7.3 within one service every cycle ends, whichever documents it writes: %s',
  async (documents) => {
    let cycles = 0
    await fc.assert(
      fc.asyncProperty(oneService, async (nodes) => {
        const all = nodes.map((node) => ({ ...node, documents }))
        const { ended, refused } = await play(all, 1, ownClient)
        expect(ended).toBe(true)
        if (!hasCycle(nodes)) return
        cycles += 1
        expect(refused).toBeGreaterThan(0)
      }),
      { numRuns: 20 },
    )
    expect(cycles).toBeGreaterThan(3)
  },
)

/** Whether legitimate handlers are left alone as long as no document changes more often than a bucket permits. */
const honest = (bucket: BucketLimits): Promise<void> =>
  fc.assert(
    fc.asyncProperty(acyclic, fc.boolean(), async (nodes, alone) => {
      const outcome = await play(alone ? together(nodes) : nodes, 1, ownClient, { first: FIRST, bucket })
      fc.pre(outcome.ended && outcome.mostHeard <= defaultBucketLimits.burst)
      expect(outcome.refused).toBe(0)
    }),
    { numRuns: 100 },
  )

test('G7.3 and no acyclic graph is stopped', () => honest(defaultBucketLimits))

test('G7.3 negative control: with small buckets some are', async () => {
  await expect(honest({ ...defaultBucketLimits, burst: 10 })).rejects.toThrow()
})

test.each<[string, Door]>([
  ['that drops the causes', (header) => (parseLineage(header) === undefined ? undefined : [])],
  ['that does not judge', (header) => parseLineage(header)?.slice(-2)],
])('G6.4 negative control: with a writer %s, a cycle does not end', async (_, door) => {
  const { ended } = await play(
    [
      { service: 0, documents: 'same', hears: 0, writes: [1] },
      { service: 1, documents: 'same', hears: 1, writes: [0] },
    ],
    1,
    through(door),
  )
  expect(ended).toBe(false)
})
