import { expect, test } from '@jest/globals'
import {
  event,
  eventToken,
  mark,
  assembler,
  reply,
  run,
  type EventParts,
  type Kind,
} from './support/replies.ts'

test('F13 the end of a cursor closes the open position, and the feed resumes after it', () => {
  const target = assembler()
  const end = eventToken(8)
  expect(
    run(
      target,
      reply([event(6, { transaction: true }), event(8, { kind: 'invalidate' })], end, { ended: true }),
    ),
  ).toEqual([[8, 'upsert k6', 'invalidate-all']])
  expect(target.resume).toEqual({ how: 'startAfter', token: { _data: end } })
})

/** The last event before the end, buffered because only the end proves that its position is complete. */
const held: readonly [string, Kind, EventParts][] = [
  ['of a transaction', {}, { transaction: true }],
  ['that may have neighbours at its time', { singlePositions: false }, {}],
]
const end = eventToken(6)

test.each(held)('F13 the end of a cursor delivers the last event, one %s', (_name, kind, parts) => {
  const last = reply([event(6, parts)], end, { ended: true })
  const opened = assembler(5, kind)
  expect(run(opened, last)).toEqual([[6, 'upsert k6']])
  const later = assembler(5, kind)
  expect(run(later, reply([], mark(5)), last)).toEqual([[5], [6, 'upsert k6']])
  for (const target of [opened, later]) {
    expect(target.hasOpenPosition).toBe(false)
    expect(target.resume).toEqual({ how: 'startAfter', token: { _data: end } })
  }
})

test.each(held)(
  'F13 the end of a cursor delivers what was buffered before it too, one %s',
  (_name, kind, parts) => {
    const replies = [
      reply([event(6, parts)], end),
      reply([event(6, { ...parts, id: 'last' })], end, { ended: true }),
    ] as const
    expect(run(assembler(5, kind), ...replies)).toEqual([[5], [6, 'upsert k6', 'upsert last']])
  },
)

test.each(held)('F13 the same replies do not deliver it if the end is ignored, one %s', (...given) => {
  const [, kind, parts] = given
  const unseen = reply([event(6, parts)], end)
  expect(run(assembler(5, kind), unseen)).toEqual([[5]])
  expect(run(assembler(5, kind), reply([], mark(5)), unseen)).toEqual([[5], [5]])
})
