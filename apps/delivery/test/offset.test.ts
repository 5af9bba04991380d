import { expect, test } from '@jest/globals'
import type { SourceId } from '@freshet/protocol'
import * as fc from 'fast-check'
import { epochOf, OffsetCounter, offsetOf, secondOf } from '../src/offset.ts'
import { SECOND } from './support/scripted-feed.ts'

test('D10 an offset is a safe integer that sorts by second, then by index, until 2058', () => {
  const seconds = fc.integer({ min: 1_735_689_600, max: 1_735_689_600 + 2 ** 30 - 1 })
  const place = fc.tuple(seconds, fc.nat(2 ** 23 - 1))
  fc.assert(
    fc.property(place, place, ([second, index], [otherSecond, otherIndex]) => {
      const offset = offsetOf(second, index)
      const other = offsetOf(otherSecond, otherIndex)
      expect(Number.isSafeInteger(offset)).toBe(true)
      expect(secondOf(offset)).toBe(second)
      expect(Math.sign(offset - other)).toBe(Math.sign(second - otherSecond || index - otherIndex))
    }),
  )
})

test('D10 two instances that start at different seconds give each change the same offset', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3), { maxLength: 200 }), fc.nat(20), (gaps, late) => {
      let second = SECOND
      const seconds = gaps.map((gap) => (second += gap))
      const early = new OffsetCounter(SECOND)
      const later = new OffsetCounter(SECOND + late)
      const all = seconds.map((at) => early.next(at))
      const some = seconds.filter((at) => at >= SECOND + late).map((at) => later.next(at))
      expect(some).toEqual(all.slice(all.length - some.length))
      expect(new Set(all).size).toBe(all.length)
    }),
  )
})

test('D10 the top is after every change before it and before every change that follows', () => {
  const counter = new OffsetCounter(SECOND)
  const first = counter.next(SECOND)
  expect(counter.top).toBe(first)
  counter.reach(SECOND + 5)
  expect(counter.top).toBe(offsetOf(SECOND + 5, 0))
  expect(counter.next(SECOND + 5)).toBeGreaterThan(counter.top - 1)
  expect(() => counter.next(SECOND + 4)).toThrow(RangeError)
})

test('D10 a second or an index that does not fit is refused', () => {
  for (const [second, index] of [
    [0, 0],
    [1_735_689_599, 0],
    [SECOND + 0.5, 0],
    [SECOND, -1],
    [SECOND, 2 ** 23],
    [1_735_689_600 + 2 ** 30, 0],
  ] as const)
    expect(() => offsetOf(second, index)).toThrow(RangeError)
})

test('D10 the epoch differs by source and by filter', () => {
  const epochs = [
    epochOf('00000001' as SourceId, 1),
    epochOf('00000001' as SourceId, 2),
    epochOf('00000002' as SourceId, 1),
  ]
  expect(new Set(epochs).size).toBe(3)
  for (const epoch of epochs) expect(epoch).toMatch(/^[0-9a-f]{16}$/)
})
