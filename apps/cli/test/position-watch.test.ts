import { expect, test } from '@jest/globals'
import { parsePosition, parseSourceId } from '@freshet/protocol'
import type { Position, SourceId } from '@freshet/protocol'
import { PositionWatch } from '../src/audit/position-watch.ts'

const at = (tick: number): Position => known(parsePosition(tick.toString(16).padStart(16, '0')))
const source = (digit: number): SourceId => known(parseSourceId(String(digit).repeat(8)))

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the test made a malformed value')
  return value
}

test('P3 an answer older than one that was there before the question is a fall', () => {
  const watch = new PositionWatch()
  expect(watch.take(watch.floor(), source(1), at(5))).toBe(undefined)
  expect(watch.take(watch.floor(), source(1), at(5))).toBe(undefined)
  expect(watch.take(watch.floor(), source(1), at(4))).toBe(
    'went backwards from 0000000000000005 to 0000000000000004',
  )
})

test('P3 answers that overtake each other are no fall', () => {
  const watch = new PositionWatch()
  const before = watch.floor()
  expect(watch.take(watch.floor(), source(1), at(9))).toBe(undefined)
  expect(watch.take(before, source(1), at(3))).toBe(undefined)
  expect(watch.take(watch.floor(), source(1), at(8))).toMatch('went backwards')
})

test('P3 positions of two histories are not compared', () => {
  const watch = new PositionWatch()
  expect(watch.take(watch.floor(), source(1), at(9))).toBe(undefined)
  expect(watch.take(watch.floor(), source(2), at(3))).toBe(undefined)
  expect(watch.take(watch.floor(), source(2), at(2))).toMatch('went backwards')
})

test('P3 a source that was left does not come back, whatever its positions; answers under way may still name it', () => {
  const watch = new PositionWatch()
  expect(watch.take(watch.floor(), source(1), at(5))).toBe(undefined)
  const underWay = watch.floor()
  expect(watch.take(watch.floor(), source(2), at(6))).toBe(undefined)
  expect(watch.take(underWay, source(1), at(5))).toBe(undefined)
  expect(watch.take(watch.floor(), source(1), at(9))).toMatch(/^went back to the source 11111111/)
})

test('P3 two sources at the start, of questions that were under way at once, are no fall', () => {
  const watch = new PositionWatch()
  const start = watch.floor()
  expect(watch.take(start, source(2), at(6))).toBe(undefined)
  expect(watch.take(start, source(1), at(5))).toBe(undefined)
  expect(watch.take(watch.floor(), source(2), at(7))).toBe(undefined)
  expect(watch.take(watch.floor(), source(2), at(8))).toBe(undefined)
  expect(watch.take(watch.floor(), source(1), at(9))).toMatch(/^went back/)
})

test('a reader that names ever new sources is found, and they are not all remembered', () => {
  const watch = new PositionWatch()
  const faults = Array.from({ length: 100 }, (_, n) => {
    const made = known(parseSourceId(n.toString(16).padStart(8, '0')))
    return watch.take(watch.floor(), made, at(n))
  })
  expect(faults.slice(0, 64)).toEqual(Array(64).fill(undefined))
  expect(faults.slice(64)).toEqual(Array(36).fill(expect.stringMatching(/^has named 64 sources/)))
})
