import { expect, test } from '@jest/globals'
import { ChangeStreamError } from '@freshet/change-stream'
import { positionOf, type Position } from '@freshet/protocol'
import { asText, Bench, keys, sourceOf, type BenchOptions } from './support/bench.ts'
import { AnswersBelowTheFloor } from './support/broken.ts'
import { History } from './support/history.ts'

const upsert = (id: string) => ({ kind: 'upsert', collection: 'a', id }) as const
const invalidate = (id: string) => ({ kind: 'invalidate', collection: 'a', id }) as const

/** Reads one document that is overtaken three times. `late` joins before the third reply. */
async function readOvertaken(
  options: BenchOptions,
): Promise<{ early: Position; late: Position; floor: Position }> {
  await using bench = await new Bench(options).live()
  bench.history.commit([upsert('1')])
  bench.tell()
  const early = bench.replica.get('a', '1')
  const overtake = async (): Promise<void> => {
    await bench.settle()
    bench.tick()
    bench.history.commit([invalidate('1')])
    bench.tell()
  }
  const reply = async (): Promise<void> => {
    for (const pending of bench.reads.pending.splice(0)) pending.reply()
    await bench.settle()
  }
  await overtake()
  await reply()
  await overtake()
  await reply()
  await overtake()
  const floor = bench.replica.at
  const late = bench.replica.get('a', '1')
  await bench.settle()
  await reply()
  await bench.drain()
  return { early: (await early).at, late: (await late).at, floor }
}

test('R3 a caller that joins a running read never gets a state from before its own call', async () => {
  const { early, late, floor } = await readOvertaken({})
  expect(early < floor).toBe(true)
  expect(late >= floor).toBe(true)
})

test('R3 the same reads detect a cache that answers below the floor', async () => {
  const cache = new AnswersBelowTheFloor({ maxBytes: 10_000, sizeOf: asText.sizeOf })
  const { late, floor } = await readOvertaken({ cache })
  expect(late < floor).toBe(true)
})

test('R10 W does not fall when a previous source is followed again', async () => {
  await using bench = await new Bench().live()
  const { history } = bench
  for (let n = 0; n < 3; n += 1) history.commit([upsert('1')])
  bench.tell()
  const lost = new ChangeStreamError('SOURCE_CHANGED', 'by the test')
  bench.feed.broken(lost)
  bench.history = new History(sourceOf('00000002'), keys)
  bench.begin()
  expect(bench.replica.at).toBe(positionOf(1, 0))
  bench.feed.broken(lost)
  bench.history = history
  bench.begin(1)
  expect(bench.replica.at).toBe(positionOf(1, 3))
  bench.tell(1)
  expect([bench.replica.at, bench.replica.state.kind]).toEqual([positionOf(1, 3), 'loading'])
  bench.tell()
  const answer = bench.replica.get('a', '1')
  await bench.drain()
  expect(await answer).toMatchObject({ at: positionOf(1, 3), values: ['s3'] })
})

test('R10 a running read is not answered from a database that replaces its own', async () => {
  await using bench = await new Bench().live()
  bench.history.commit([upsert('1')])
  bench.tell()
  const read = bench.replica.get('a', '1')
  const end = expect(read).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('replaced during') as unknown,
  })
  await bench.settle()
  bench.tick()
  bench.feed.broken(new ChangeStreamError('SOURCE_CHANGED', 'by the test'))
  bench.history = new History(sourceOf('00000002'), keys)
  bench.history.commit([upsert('1')])
  bench.begin()
  bench.tell(0)
  await bench.drain()
  await end
  const again = bench.replica.get('a', '1')
  await bench.drain()
  expect(await again).toMatchObject({ source: sourceOf('00000002'), at: positionOf(1, 1), values: ['s1'] })
})
