import { expect, test } from '@jest/globals'
import { currentCause } from '../src/cause.ts'
import { defaultBucketLimits } from '../src/breaker.ts'
import type { ChangeHandler } from '../src/contract.ts'
import { BreakerBucket, type BucketLimits } from '../src/breaker-bucket.ts'
import { change, HandClock, never, serviceOf } from './support.ts'

/**
 * Ten times normal load: 200 changes per second over 500 documents, a few of which change much more often than the
 * rest; the busiest about 1.5 times per second. Normal load is a tenth of that.
 */
/** Long enough that the initial burst does not suffice for the busiest document. */
const SECONDS = 180
const CHANGES_PER_S = 200
const BUSIEST_PER_S = 1.5

/** Which document changes, busiest first; the same in each run. */
function pick(n: number, busiestPerS: number): number {
  const everyNth = Math.round(CHANGES_PER_S / busiestPerS)
  if (n % everyNth === 0) return 0
  return 1 + ((n * 7919) % 499)
}

async function load(
  handle: (id: string, write: Write) => void,
  { busiestPerS = BUSIEST_PER_S, bucket = defaultBucketLimits }: LoadOptions = {},
): Promise<Outcome> {
  const { handlers, clock } = serviceOf({ bucket })
  const handler: ChangeHandler = {
    name: 'h',
    collections: ['orders'],
    allowWrites: [
      { collection: 'stock', reason: 'a sum' },
      { collection: 'orders', reason: 'a mark' },
    ],
    handle: ({ id }) => handle(id, writes),
  }
  const echoed: string[] = []
  const heard = (key: string): void => void echoed.push(key)
  const write = (key: string): void => {
    currentCause()?.judge({ collections: [key.split('/')[0]], keys: [key] })
    if (key.startsWith('orders/')) heard(key)
  }
  const writes: Write = Object.assign(write, { heard })
  const runs = handlers.add(handler)
  for (let n = 0; n < SECONDS * CHANGES_PER_S; n += 1) {
    await runs.hear(change(`orders/${pick(n, busiestPerS)}`), never)
    for (const key of echoed.splice(0)) await runs.hear(change(key), never)
    clock.pass(1_000 / CHANGES_PER_S)
  }
  const [status] = handlers.status()
  return { writes: status?.writes ?? 0, refused: status?.refusals.breaker ?? 0 }
}

interface LoadOptions {
  readonly busiestPerS?: number
  readonly bucket?: BucketLimits
}

interface Outcome {
  readonly writes: number
  readonly refused: number
}

interface Write {
  (key: string): void
  /** Delivers a write to the handler that has already been judged. */
  heard(key: string): void
}

test('G7.4 ten times normal load for three minutes trips no breaker if each change causes a write elsewhere', async () => {
  const result = await load((id, write) => write(`stock/${id}`))
  expect(result).toEqual({ writes: SECONDS * CHANGES_PER_S, refused: 0 })
})

test('G7.4 nor if a handler marks each document once and then leaves it alone', async () => {
  const marked = new Map<string, number>()
  let n = 0
  const result = await load((id, write) => {
    n += 1
    // Its own mark comes back at once; then there is nothing left to do.
    if (marked.get(id) === n - 1) return
    marked.set(id, n)
    write(`orders/${id}`)
  })
  expect(result.refused).toBe(0)
  expect(result.writes).toBeGreaterThan((SECONDS * CHANGES_PER_S) / 2)
})

/** Sets a value that is already set the second time, so the server changes nothing and emits no event. */
function setting(keys: (id: string) => readonly string[], reportsChanges: boolean): () => Promise<Outcome> {
  return async () => {
    let foreign = true
    return load(
      (id, write) => {
        const settle = currentCause()?.judge({ collections: ['orders'], keys: keys(id) })
        if (foreign) write.heard(`orders/${id}`)
        else if (reportsChanges) settle?.(0)
        foreign = !foreign
        // If nobody can see that nothing changed, both calls count for the document.
      },
      { busiestPerS: reportsChanges ? BUSIEST_PER_S : BUSIEST_PER_S / 2 },
    )
  }
}

test.each([
  ['by id, with a client whose replies report it', setting((id) => [`orders/${id}`], true)],
  ['by id, with a client whose replies do not', setting((id) => [`orders/${id}`], false)],
  ['by a condition', setting(() => [], true)],
])(
  'G7.4 nor if a handler responds to its own change by setting the same value again: %s',
  async (_, play) => {
    expect(await play()).toMatchObject({ refused: 0 })
  },
)

test('G7.4 negative control: under the same load, a handler that writes back every change is stopped', async () => {
  const result = await load((id, write) => write(`orders/${id}`))
  expect(result.refused).toBeGreaterThan(0)
})

test.each([
  ['no tokens are refilled', { refillPerS: 0 }],
  ['the refill is slower than the busiest document needs', { refillPerS: 0.9 }],
  ['the burst is small', { burst: 10 }],
])('G7.4 negative control: under the same load, legitimate work is stopped if %s', async (_, limits) => {
  const bucket = { ...defaultBucketLimits, ...limits }
  const result = await load((id, write) => write(`stock/${id}`), { bucket })
  expect(result.refused).toBeGreaterThan(0)
})

/** How many of `writes`, one every `everyMs`, pass with one bucket for the whole handler. */
function throughOneBucket(limits: BucketLimits, writes: number, everyMs: number): number {
  const clock = new HandClock()
  const bucket = new BreakerBucket(limits, clock)
  let passed = 0
  for (let n = 0; n < writes; n += 1) {
    if (bucket.take()) passed += 1
    clock.pass(everyMs)
  }
  return passed
}

test('G7.4 negative control: with one bucket per handler, either legitimate work is stopped or no loop is stopped in time', () => {
  const honest = SECONDS * CHANGES_PER_S
  // The one that stops a loop within 110 writes.
  expect(throughOneBucket(defaultBucketLimits, honest, 1_000 / CHANGES_PER_S)).toBeLessThan(honest / 100)
  // The smallest one that stops no legitimate work.
  const large = { ...defaultBucketLimits, refillPerS: CHANGES_PER_S }
  expect(throughOneBucket(large, honest, 1_000 / CHANGES_PER_S)).toBe(honest)
  expect(throughOneBucket(large, honest, 10)).toBe(honest)
})
