import { expect, test } from '@jest/globals'
import { ChangeStreamError, type SourceReply } from '@freshet/change-stream'
import type { ReplicaOptions } from '../src/options.ts'
import { POSITION_NEVER } from '@freshet/protocol'
import { Bench } from './support/bench.ts'
import { ScriptedReads } from './support/scripted-reads.ts'

/** A source that fails while it is cut off, and counts its requests. */
class CutReads extends ScriptedReads {
  cut = false
  why: 'DISCONNECTED' | 'POSITION_UNAVAILABLE' | 'proves nothing' = 'DISCONNECTED'
  reads = 0
  checks = 0

  override read(...all: Parameters<ScriptedReads['read']>): Promise<SourceReply> {
    if (!this.cut) return super.read(...all)
    this.reads += 1
    // The feed never gets this far.
    if (this.why === 'proves nothing')
      return Promise.resolve({ kind: 'fenced', documents: new Map(), until: POSITION_NEVER })
    return Promise.reject(new ChangeStreamError(this.why, 'by the test'))
  }

  override check(
    ...all: Parameters<ScriptedReads['check']>
  ): Promise<ReadonlyMap<string, string | undefined>> {
    if (!this.cut) return super.check(...all)
    this.checks += 1
    return Promise.reject(new ChangeStreamError('DISCONNECTED', 'by the test'))
  }
}

/** Advances time in small steps. A running feed delivers a change at each step. */
async function pass(bench: Bench, seconds: number, feedRuns: boolean): Promise<void> {
  for (let ms = 0; ms < seconds * 1_000; ms += 50) {
    if (feedRuns) {
      bench.history.commit([{ kind: 'upsert', collection: 'b', id: '1' }])
      bench.tell()
    }
    await bench.settle()
    bench.tick()
    await bench.settle()
    bench.clock.advance(50)
  }
}

/** The requests in the first and in the second minute of an outage. */
async function askedWhileCut(
  ask: (bench: Bench) => Promise<void>,
  { feedRuns, options = {} }: { readonly feedRuns: boolean; readonly options?: Partial<ReplicaOptions> },
) {
  let reads = 0
  let checks = 0
  await using bench = await new Bench({ options, reads: (history) => new CutReads(history) }).live()
  const { reads: source } = bench
  if (!(source instanceof CutReads)) throw new Error('expected the source of this test')
  source.cut = true
  await ask(bench)
  const minutes: { readonly reads: number; readonly checks: number }[] = []
  for (let minute = 0; minute < 2; minute += 1) {
    await pass(bench, 60, feedRuns)
    minutes.push({ reads: source.reads - reads, checks: source.checks - checks })
    ;({ reads, checks } = source)
  }
  return minutes
}

/** Callers of different keys with unlimited patience, started one after the other so that their waits are not aligned. */
function callers(keys: number, feedRuns: boolean): (bench: Bench) => Promise<void> {
  return async (bench) => {
    for (let n = 0; n < keys; n += 1) {
      const read = bench.replica.get('a', `x${n}`, { waitMs: 1_000_000 })
      void expect(read).rejects.toThrow('STOPPED')
      await pass(bench, 0.15, feedRuns)
    }
  }
}

/** The first attempts of each caller, before the back-off reaches its maximum. */
const soon = 8

test.each([
  ['fails too', false],
  ['runs', true],
])('R16 a failing source is read once a second while the feed %s', async (_name, feedRuns) => {
  const [first, second] = await askedWhileCut(callers(1, feedRuns), { feedRuns })
  expect(first?.reads).toBeLessThanOrEqual(60 + soon)
  expect(second?.reads).toBeLessThanOrEqual(61)
  // It keeps retrying.
  expect(second?.reads).toBeGreaterThanOrEqual(20)
})

test.each([
  ['fails too', false],
  ['runs', true],
])('R16 forty keys share reads while the feed %s', async (_name, feedRuns) => {
  const [first, second] = await askedWhileCut(callers(40, feedRuns), { feedRuns })
  expect(first?.reads).toBeLessThanOrEqual(60 + 40 * soon)
  expect(second?.reads).toBeLessThanOrEqual(61)
})

test('R16 when the position is unavailable, later ones are tried up to twenty times a second', async () => {
  const [first, second] = await askedWhileCut(
    async (bench) => {
      if (bench.reads instanceof CutReads) bench.reads.why = 'POSITION_UNAVAILABLE'
      await callers(1, true)(bench)
    },
    { feedRuns: true },
  )
  expect(first?.reads).toBeGreaterThanOrEqual(300)
  expect(second?.reads).toBeGreaterThanOrEqual(300)
  expect(second?.reads).toBeLessThanOrEqual(1_201)
})

test('R16 when a position was unavailable and then a reply is inconclusive, retries return to once a second', async () => {
  const [first, second] = await askedWhileCut(
    async (bench) => {
      if (!(bench.reads instanceof CutReads)) throw new Error('expected the source of this test')
      bench.reads.why = 'POSITION_UNAVAILABLE'
      await callers(1, true)(bench)
      expect(bench.reads.reads).toBeGreaterThan(0)
      bench.reads.why = 'proves nothing'
    },
    { feedRuns: true },
  )
  expect(first?.reads).toBeLessThanOrEqual(60 + soon)
  expect(second?.reads).toBeLessThanOrEqual(61)
  expect(second?.reads).toBeGreaterThanOrEqual(20)
})

test('R16 definitions are checked together, once a second, during an outage', async () => {
  const touch = (bench: Bench): Promise<void> => {
    for (const collection of ['a', 'b'])
      bench.feed.apply(bench.batch([{ kind: 'invalidate-collection', collection }], bench.history.now, true))
    return Promise.resolve()
  }
  const [first, second] = await askedWhileCut(touch, { feedRuns: true })
  expect(first?.checks).toBeLessThanOrEqual(60 + soon)
  expect(second?.checks).toBeLessThanOrEqual(61)
  expect(second?.checks).toBeGreaterThanOrEqual(20)
})

test('R16 the same test detects a back-off that is too short', async () => {
  const options = { retry: { firstMs: 50, maxMs: 400 } }
  const [, second] = await askedWhileCut(callers(1, false), { feedRuns: false, options })
  expect(second?.reads).toBeGreaterThan(61)
})
