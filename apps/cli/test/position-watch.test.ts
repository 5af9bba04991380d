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

test('P3 an answer older than one received before the question is a violation', () => {
  const watch = new PositionWatch()
  expect(watch.record(watch.floor(), source(1), at(5))).toBe(undefined)
  expect(watch.record(watch.floor(), source(1), at(5))).toBe(undefined)
  expect(watch.record(watch.floor(), source(1), at(4))).toBe(
    'went backwards from 0000000000000005 to 0000000000000004',
  )
})

test('P3 concurrent answers out of order are no violation', () => {
  const watch = new PositionWatch()
  const before = watch.floor()
  expect(watch.record(watch.floor(), source(1), at(9))).toBe(undefined)
  expect(watch.record(before, source(1), at(3))).toBe(undefined)
  expect(watch.record(watch.floor(), source(1), at(8))).toMatch('went backwards')
})

test('P3 positions of two sources are not compared', () => {
  const watch = new PositionWatch()
  expect(watch.record(watch.floor(), source(1), at(9))).toBe(undefined)
  expect(watch.record(watch.floor(), source(2), at(3))).toBe(undefined)
  expect(watch.record(watch.floor(), source(2), at(2))).toMatch('went backwards')
})

test('P3 a source that was left must not come back, whatever its positions; answers in flight may still name it', () => {
  const watch = new PositionWatch()
  expect(watch.record(watch.floor(), source(1), at(5))).toBe(undefined)
  const underWay = watch.floor()
  expect(watch.record(watch.floor(), source(2), at(6))).toBe(undefined)
  expect(watch.record(underWay, source(1), at(5))).toBe(undefined)
  expect(watch.record(watch.floor(), source(1), at(9))).toMatch(/^returned to the source 11111111/)
})

test('P3 two sources in concurrent first answers are no violation', () => {
  const watch = new PositionWatch()
  const start = watch.floor()
  expect(watch.record(start, source(2), at(6))).toBe(undefined)
  expect(watch.record(start, source(1), at(5))).toBe(undefined)
  expect(watch.record(watch.floor(), source(2), at(7))).toBe(undefined)
  expect(watch.record(watch.floor(), source(2), at(8))).toBe(undefined)
  expect(watch.record(watch.floor(), source(1), at(9))).toMatch(/^returned to/)
})

test('a reader that keeps naming new sources is detected, with bounded memory', () => {
  const watch = new PositionWatch()
  const faults = Array.from({ length: 100 }, (_, n) => {
    const made = known(parseSourceId(n.toString(16).padStart(8, '0')))
    return watch.record(watch.floor(), made, at(n))
  })
  expect(faults.slice(0, 64)).toEqual(Array(64).fill(undefined))
  expect(faults.slice(64)).toEqual(Array(36).fill(expect.stringMatching(/^has named 64 sources/)))
})
