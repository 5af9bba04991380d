import { expect, test } from '@jest/globals'
import { Cache } from '@freshet/cache'
import { ByteBudget, systemClock } from '@freshet/kit'
import { SMALL_BYTES } from '../src/bounded-reads.ts'
import { asText, Bench } from './support/bench.ts'

const MiB = 2 ** 20
const upsert = (id: string) => ({ kind: 'upsert', collection: 'a', id }) as const

function figure(budget: ByteBudget, part: string): { readonly takenBytes: number; readonly waiting: number } {
  const found = budget.stats().find((each) => each.part === part)
  if (!found) throw new Error(`expected a part ${part}`)
  return found
}

test('R8 incomplete answers share one budget: the rest wait, and all are answered', async () => {
  const budget = new ByteBudget({ maxBytes: MiB, clock: systemClock })
  const options = { maxAnswerBytes: MiB / 4 }
  await using bench = await new Bench({ budget, options }).live()
  const groups = Array.from({ length: 40 }, (_, n) => [`${n}x`, `${n}y`])
  bench.history.commit(groups.flat().map(upsert))
  bench.tell()
  const asked = groups.map((ids) => bench.replica.many('a', ids))
  await bench.settle()
  const { takenBytes, waiting } = figure(budget, 'pinned')
  expect(takenBytes).toBeLessThanOrEqual(MiB / 4)
  expect(waiting).toBe(groups.length - takenBytes / (2 * SMALL_BYTES))
  expect(waiting).toBeGreaterThan(0)
  await bench.drain()
  for (const answer of await Promise.all(asked)) expect(answer.values).toHaveLength(2)
  expect(budget.takenBytes).toBe(0)
})

test('R8 an answer over budget releases its bytes and gets the full amount in its turn', async () => {
  const document = 'x'.repeat(100_000)
  const budget = new ByteBudget({ maxBytes: MiB, clock: systemClock })
  const cache: Cache<string> = new Cache({ maxBytes: 1_000, sizeOf: (value) => value.length })
  const encoder = { ...asText, encode: () => document }
  const options = { maxAnswerBytes: MiB / 4 }
  await using bench = await new Bench({ budget, cache, encoder, options }).live()
  const groups = Array.from({ length: 6 }, (_, n) => [`${n}x`, `${n}y`])
  bench.history.commit(groups.flat().map(upsert))
  bench.tell()
  const asked = groups.map((ids) => bench.replica.many('a', ids))
  let most = 0
  const watch = setInterval(() => (most = Math.max(most, cache.bytes)), 0)
  await bench.drain()
  clearInterval(watch)
  for (const answer of await Promise.all(asked)) expect(answer.values).toEqual([document, document])
  // One answer of the maximum size, and the document that did not fit.
  expect(most).toBeLessThan(MiB / 4 + 2 * document.length)
  expect(budget.takenBytes).toBe(0)
})

test('R8 a single document is answered whatever its size', async () => {
  const document = 'x'.repeat(1_000)
  const encoder = { ...asText, encode: () => document }
  await using bench = await new Bench({ encoder, options: { maxAnswerBytes: 10 } }).live()
  bench.history.commit([upsert('1')])
  bench.tell()
  for (const ask of [() => bench.replica.get('a', '1'), () => bench.replica.many('a', ['1'])]) {
    const asked = ask()
    await bench.drain()
    expect((await asked).values).toEqual([document])
  }
})
