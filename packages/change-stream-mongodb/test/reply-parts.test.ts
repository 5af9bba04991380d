import { expect, test } from '@jest/globals'
import { partsOf } from '../src/reply-parts.ts'
import { assembler, event, eventToken, mark, reply, run, words } from './support/replies.ts'

/** Transactions of one to ten changes, and single changes, from position 6 on. */
function history(size: number, inTransactions: boolean): { readonly events: Buffer[]; readonly end: number } {
  const events: Buffer[] = []
  let position = 5
  while (events.length < size) {
    position += 1
    const transaction = inTransactions && position % 3 > 0
    const changes = transaction ? 1 + (position % 10) : 1
    for (let n = 0; n < changes; n += 1)
      events.push(event(position, { id: `k${position}-${n}`, transaction }))
  }
  return { events, end: position }
}

test.each([
  [true, true],
  [true, false],
  [false, true],
  [false, false],
])(
  'F32 parts of a reply have the same changes as the whole, and end where positions do (transactions %s, opening %s)',
  (inTransactions, opening) => {
    const { events, end } = history(1_000, inTransactions)
    const last = { _data: eventToken(end) }
    const whole = reply(events, last._data)
    const replies = opening ? [whole] : [reply([], mark(5)), whole]
    const closing = reply([], mark(end + 1))
    const single = run(assembler(), ...([...replies, closing] as [typeof whole]))
    const target = assembler()
    const batches = replies.flatMap((one, index) =>
      [...partsOf(one)].map((part) => (index === 0 ? target.opened(part) : target.next(part)).batch),
    )
    batches.push(target.next(closing).batch)
    expect(batches.length).toBeGreaterThan(events.length / 128)
    expect(batches.flatMap(({ changes }) => words(changes))).toEqual(
      single.flatMap(([, ...changes]) => changes),
    )
    // Nothing of a position comes before it is complete, and everything of it at once.
    const positions = batches.map(({ changes }) => new Set(words(changes).map((word) => word.split('-')[0])))
    const seen = new Set<string | undefined>()
    for (const some of positions)
      for (const position of some) {
        expect(seen.has(position)).toBe(false)
        seen.add(position)
      }
  },
)

test('F32 a part has at most 128 events and 256 KiB, or one larger event', () => {
  const small = event(6)
  const large = event(7, { cause: 'x'.repeat(300_000) })
  const sizes = (...events: Buffer[]): readonly number[] =>
    [...partsOf(reply(events, eventToken(9)))].map((part) => part.events.length)
  expect(sizes(...Array.from({ length: 300 }, () => small))).toEqual([128, 128, 44])
  expect(sizes(large, large, small, small, large)).toEqual([1, 1, 2, 1])
  expect(sizes()).toEqual([0])
})
