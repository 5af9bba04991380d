import { expect, test } from '@jest/globals'
import { ChangeStreamError } from '@freshet/change-stream'
import { Bench } from './support/bench.ts'

const upsert = { kind: 'upsert', collection: 'a', id: '1' } as const
const lost = new ChangeStreamError('HISTORY_LOST', 'by the test')

/** How many promises may settle one after the other between two steps of a read; each gap is tried. */
const hops = Array.from({ length: 30 }, (_, hop) => hop)

async function hopping(hop: number): Promise<void> {
  for (let n = 0; n < hop; n += 1) await Promise.resolve()
}

test.each(hops)(
  'R3 a reply that comes while an epoch is before W is worth nothing (after %i hops)',
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
    // The document as it was before W; then the reply; then W.
    bench.tell(1)
    fill?.reply()
    await hopping(hop)
    bench.tell()
    await bench.drain()
    const { at, values } = await answer
    expect([at, values]).toEqual([bench.history.position, [bench.history.at('a/1', bench.history.now)]])
  },
)

test.each(hops)('R23 a log that begins anew makes no document absent (after %i hops)', async (hop) => {
  await using bench = new Bench({ log: true })
  bench.history.commit([upsert])
  await bench.live()
  const answer = bench.replica.get('a', '1', { atLeast: bench.replica.at })
  await hopping(hop)
  bench.feed.broken(lost)
  bench.begin()
  await bench.settle()
  bench.tell()
  await bench.drain()
  expect((await answer).values).toEqual([bench.history.at('a/1', 1)])
})
