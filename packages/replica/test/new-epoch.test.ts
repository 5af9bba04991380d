import { expect, test } from '@jest/globals'
import { ChangeStreamError } from '@freshet/change-stream'
import type { Answer } from '../src/contract.ts'
import { Bench } from './support/bench.ts'

const upsert = { kind: 'upsert', collection: 'a', id: '1' } as const
const lost = new ChangeStreamError('HISTORY_LOST', 'by the test')

/** Promise hops between two steps of a read; each gap is tried. */
const hops = Array.from({ length: 30 }, (_, hop) => hop)

async function hopping(hop: number): Promise<void> {
  for (let n = 0; n < hop; n += 1) await Promise.resolve()
}

test.each(hops)(
  'R3 a reply received while an epoch is before W is discarded (after %i hops)',
  async (hop) => {
    await using bench = new Bench()
    bench.history.commit([upsert])
    bench.history.commit([upsert])
    await bench.live()
    const answer = bench.replica.get('a', '1')
    await bench.settle()
    bench.tick()
    await bench.settle()
    const [fill] = bench.reads.pending.splice(0)
    bench.feed.broken(lost)
    bench.begin(0)
    await bench.settle()
    for (const check of bench.reads.pending.splice(0)) check.reply()
    await bench.settle()
    // The document before W, then the reply, then W.
    bench.tell(1)
    fill?.reply()
    await hopping(hop)
    bench.tell()
    await bench.drain()
    const { at, values } = await answer
    expect([at, values]).toEqual([bench.history.position, [bench.history.at('a/1', bench.history.now)]])
  },
)

const reads: readonly [string, (bench: Bench) => Promise<Answer<string>>][] = [
  ['get', ({ replica }) => replica.get('a', '1', { atLeast: replica.at })],
  ['many', ({ replica }) => replica.many('a', ['1', '2'], { atLeast: replica.at })],
]
const logReads = reads.flatMap(([name, read]) => hops.map((hop) => [name, hop, read] as const))

test.each(logReads)(
  'R23 no document is absent when a log restarts (%s, after %i hops)',
  async (_name, hop, read) => {
    // Nothing delivered yet; the document delivered but not W; or W reached at once.
    for (const commits of [0, 1, 2]) {
      await using bench = new Bench({ log: true })
      bench.history.commit([upsert])
      bench.history.commit([{ ...upsert, id: '4' }])
      await bench.live()
      const answer = read(bench)
      await hopping(hop)
      bench.feed.broken(lost)
      bench.begin()
      bench.tell(commits)
      await bench.settle()
      bench.tell()
      await bench.drain()
      const { values } = await answer
      expect([commits, values[0]]).toEqual([commits, bench.history.at('a/1', 1)])
    }
  },
)

test('R23 no document of a multi-get is absent when a log restarts at every lookup', async () => {
  for (const hop of hops.slice(0, 15))
    for (const gap of hops.slice(0, 15)) {
      await using bench = new Bench({ log: true })
      bench.history.commit([upsert])
      bench.history.commit([{ ...upsert, id: '4' }])
      await bench.live()
      const answer = bench.replica.many('a', ['1', '4'], { atLeast: bench.replica.at })
      // A read tries a few times before it takes a snapshot; by then the log is back.
      for (let times = 0; times < 4; times += 1) {
        await hopping(times === 0 ? 0 : hop)
        bench.feed.broken(lost)
        bench.begin()
        bench.tell(1)
        if (times < 2) await bench.settle()
        else await hopping(gap)
        bench.tell()
      }
      await bench.drain()
      const { values } = await answer
      expect([hop, gap, ...values]).toEqual([
        hop,
        gap,
        bench.history.at('a/1', 1),
        bench.history.at('a/4', 2),
      ])
    }
})
