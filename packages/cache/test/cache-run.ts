import * as fc from 'fast-check'
import {
  ABSENT,
  type Absent,
  type Cache,
  type Fill,
  type FillDecision,
  type FillOutcome,
} from '../src/index.ts'
import { position, World, type WorldEvent } from './world.ts'

const keys = ['a/1', 'a/2', 'a/3', 'b/1', 'b/2']
const collections = ['a', 'b']

/** One step of a run. `pick` is an index modulo the number of reads. */
export type Step =
  | { readonly do: 'event'; readonly event: WorldEvent }
  | { readonly do: 'feed'; readonly events: number }
  | { readonly do: 'gap' }
  | { readonly do: 'fill' | 'recall' | 'pin' | 'unpin' | 'peek'; readonly key: string }
  | ({ readonly do: 'send' | 'arrive'; readonly pick: number } & Reply)

/** How the source answers a read. `seen` selects how much of what followed the position the read saw. */
interface Reply {
  readonly reply: 'exact' | 'fenced' | 'behind-feed' | 'unavailable'
  readonly seen: number
}

const key = fc.constantFrom(...keys)
const collection = fc.constantFrom(...collections)

const worldEvent: fc.Arbitrary<WorldEvent> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('write' as const, 'update' as const, 'delete' as const),
      key,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('drop' as const, 'replace-all' as const), collection }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'replace-everything' as const }) },
)

export const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant('event' as const), event: worldEvent }) },
    {
      weight: 5,
      arbitrary: fc.record({ do: fc.constant('feed' as const), events: fc.integer({ min: 1, max: 3 }) }),
    },
    { weight: 1, arbitrary: fc.constant({ do: 'gap' as const }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('fill' as const, 'recall' as const), key }) },
    {
      weight: 12,
      arbitrary: fc.record({
        do: fc.constantFrom('send' as const, 'arrive' as const),
        pick: fc.nat(9),
        reply: fc.constantFrom(
          'exact' as const,
          'fenced' as const,
          'behind-feed' as const,
          'unavailable' as const,
        ),
        seen: fc.nat(9),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constantFrom('pin' as const, 'unpin' as const, 'peek' as const), key }),
    },
  ),
  { minLength: 8, maxLength: 60, size: 'max' },
)

/** A fill and its read in progress. */
interface Read {
  readonly fill: Fill<number>
  sentAt: number | undefined
  /** The outcome, until a decision consumes it. */
  outcome?: FillOutcome<number> | undefined
}

/** Runs the steps against a cache and a model database. Throws as soon as the cache returns a wrong value. */
export class CacheRun {
  readonly world = new World(keys)
  readonly #cache: Cache<number>
  readonly #maxBytes: number
  readonly #pins = new Map<string, number>()
  #reads: Read[] = []
  #w = 0

  constructor(cache: Cache<number>, maxBytes: number) {
    this.#cache = cache
    this.#maxBytes = maxBytes
  }

  step(step: Step): void {
    switch (step.do) {
      case 'event':
        this.world.do(step.event)
        break
      case 'feed':
        this.#feed(step.events)
        break
      case 'gap':
        this.#cache.newEpoch()
        this.#w = this.world.now
        break
      case 'fill':
        if (this.#cache.peek(step.key) === undefined && !this.#cache.fillOf(step.key)) {
          this.#reads.push({ fill: this.#cache.beginFill(step.key), sentAt: undefined })
        }
        break
      case 'recall':
        this.#recall(step.key)
        break
      case 'send':
      case 'arrive':
        this.#read(step.pick, step)
        break
      case 'pin':
        this.#pins.set(step.key, (this.#pins.get(step.key) ?? 0) + 1)
        this.#cache.pin(step.key)
        break
      case 'unpin':
        this.#unpin(step.key)
        break
      case 'peek':
        this.#cache.peek(step.key)
        break
    }
    this.#checkInvariant()
  }

  /** Applies the next events, as the replica's feed does. */
  #feed(events: number): void {
    for (const event of this.world.log.slice(this.#w, this.#w + events)) {
      this.#w += 1
      const cache = this.#cache
      switch (event.kind) {
        case 'write': {
          const value = this.world.at(event.key, this.#w)
          if (value === ABSENT) break
          if (cache.wants(event.key)) cache.upsert(event.key, value)
          else cache.putRecent(event.key, Buffer.from(String(value)))
          break
        }
        case 'update':
          cache.invalidate(event.key)
          break
        case 'delete':
          cache.delete(event.key)
          break
        case 'drop':
          cache.emptyCollection(event.collection)
          break
        case 'replace-all':
          cache.invalidateCollection(event.collection)
          break
        case 'replace-everything':
          cache.invalidateAll()
          break
      }
    }
  }

  #read(pick: number, reply: Reply): void {
    const read = this.#reads[pick % Math.max(1, this.#reads.length)]
    if (read === undefined) return
    const { fill, sentAt } = read
    if (sentAt === undefined) {
      this.#cache.markSent(fill, position(this.#w))
      read.sentAt = this.#w
      return
    }
    read.outcome ??= this.#outcomeOf(fill.key, sentAt, reply)
    this.#applyDecision(read, sentAt, this.#cache.applyOutcome(fill, read.outcome, position(this.#w)))
  }

  #outcomeOf(key: string, sentAt: number, { reply, seen }: Reply): FillOutcome<number> {
    if (reply === 'unavailable' || reply === 'behind-feed') return { kind: reply }
    const { now } = this.world
    const until = position(now)
    const [collection = ''] = key.split('/')
    if (this.world.wasMissing(collection, sentAt)) return { kind: 'fenced', value: ABSENT, until }
    if (reply === 'exact') return { kind: 'exact', value: this.world.at(key, sentAt) }
    const state = sentAt + (seen % Math.max(1, now - sentAt + 1))
    return { kind: 'fenced', value: this.world.at(key, state), until }
  }

  #applyDecision(read: Read, sentAt: number, decision: FillDecision<number>): void {
    if (decision.kind === 'install') {
      this.#reads = this.#reads.filter((other) => other !== read)
      this.#same(read.fill.key, decision.value, this.#w, 'installed')
    }
    if (decision.kind === 'answer-uninstalled') {
      if (decision.at !== position(sentAt)) throw new Error('answers at a position that was not read')
      this.#same(read.fill.key, decision.value, sentAt, 'answered')
    }
    if (decision.kind === 'wait-until') return
    read.outcome = undefined
    if (decision.kind === 'retry' || decision.kind === 'answer-uninstalled') read.sentAt = undefined
  }

  /** Gets a value the way a read does. */
  #recall(key: string): void {
    const wasCached = this.#cache.peek(key) !== undefined
    const value = this.#cache.get(key)
    if (value !== undefined && !wasCached) this.#same(key, value, this.#w, 'recalled')
  }

  #unpin(key: string): void {
    const count = this.#pins.get(key) ?? 0
    if (count === 0) return
    this.#pins.set(key, count - 1)
    this.#cache.unpin(key)
  }

  /** The invariant: whatever is cached is the document at W. */
  #checkInvariant(): void {
    for (const key of keys) {
      const value = this.#cache.peek(key)
      if (value !== undefined) this.#same(key, value, this.#w, 'cached')
    }
    const pinned = [...this.#pins.values()].some((count) => count > 0)
    if (!pinned && this.#cache.bytes > this.#maxBytes) throw new Error(`holds ${this.#cache.bytes} bytes`)
  }

  #same(key: string, value: number | Absent, n: number, what: string): void {
    const truth = this.world.at(key, n)
    if (value !== truth) throw new Error(`${what} ${key} = ${String(value)} at ${n}, was ${String(truth)}`)
  }
}
