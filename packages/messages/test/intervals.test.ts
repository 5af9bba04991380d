import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import {
  countVisibleAfter,
  EVERYTHING,
  isMember,
  joined,
  lastVisible,
  left,
  sees,
  visibleSeqs,
  type Interval,
} from '../src/index.ts'

test('joining shows what follows, leaving shows nothing more, and both are idempotent', () => {
  const first = joined([], 0)
  expect(first).toEqual([{ from: 1 }])
  expect(joined(first, 7)).toBe(first)
  const gone = left(first, 7)
  expect(gone).toEqual([{ from: 1, to: 7 }])
  expect(left(gone, 9)).toBe(gone)
  expect(joined(gone, 9)).toEqual([{ from: 1, to: 7 }, { from: 10 }])
  expect([0, 1, 7, 8].map((seq) => sees(gone, seq))).toEqual([false, true, true, false])
})

test('who leaves and joins without a message in between continues the interval, and no interval is empty', () => {
  expect(joined([{ from: 1, to: 7 }], 7)).toEqual([{ from: 1 }])
  expect(left([{ from: 1, to: 3 }, { from: 8 }], 7)).toEqual([{ from: 1, to: 3 }])
  expect(left([{ from: 1 }], 0)).toEqual([])
})

test('the latest visible message lies in the last interval that has one', () => {
  expect(lastVisible([], 5)).toBe(0)
  expect(lastVisible([{ from: 1 }], 5)).toBe(5)
  expect(lastVisible([{ from: 1, to: 3 }], 5)).toBe(3)
  expect(lastVisible([{ from: 1, to: 3 }, { from: 6 }], 5)).toBe(3)
  expect(lastVisible([{ from: 6 }], 5)).toBe(0)
})

test('in any order of messages, joins and leaves, a member sees exactly what was sent while a member', () => {
  const steps = fc.array(fc.constantFrom('send', 'join', 'leave'), { maxLength: 40 })
  fc.assert(
    fc.property(steps, (events) => {
      let intervals: readonly Interval[] = []
      let lastSeq = 0
      let member = false
      const expected: number[] = []
      for (const event of events) {
        if (event === 'send') {
          lastSeq += 1
          if (member) expected.push(lastSeq)
        } else {
          member = event === 'join'
          intervals = (member ? joined : left)(intervals, lastSeq)
        }
        expect(isMember(intervals)).toBe(member)
      }
      const all = Array.from({ length: lastSeq }, (_, at) => at + 1)
      expect(all.filter((seq) => sees(intervals, seq))).toEqual(expected)
      expect(lastVisible(intervals, lastSeq)).toBe(expected.at(-1) ?? 0)
      for (let at = 0; at <= lastSeq + 1; at++) {
        const later = expected.filter((seq) => seq > at)
        expect(visibleSeqs(intervals, lastSeq, { after: at }, 3)).toEqual(later.slice(0, 3))
        expect(countVisibleAfter(intervals, lastSeq, at)).toBe(later.length)
        const earlier = expected.filter((seq) => seq < at).toReversed()
        expect(visibleSeqs(intervals, lastSeq, { before: at }, 3)).toEqual(earlier.slice(0, 3))
      }
      for (const [at, { from, to }] of intervals.entries()) {
        expect(from).toBeLessThanOrEqual(to ?? Infinity)
        const before = intervals[at - 1]
        if (before) expect(from).toBeGreaterThan((before.to ?? Infinity) + 1)
      }
    }),
  )
})

test('who may see everything sees the messages that exist', () => {
  expect(visibleSeqs(EVERYTHING, 3, { after: 0 }, 9)).toEqual([1, 2, 3])
  expect(visibleSeqs(EVERYTHING, 3, { before: Infinity }, 9)).toEqual([3, 2, 1])
  expect(countVisibleAfter(EVERYTHING, 3, 0)).toBe(3)
  expect(visibleSeqs(EVERYTHING, 0, { after: 0 }, 9)).toEqual([])
})
