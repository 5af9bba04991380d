import { expect, test } from '@jest/globals'
import {
  before,
  formatSourcePosition,
  parsePosition,
  parseSourcePosition,
  positionOf,
  POSITION_ZERO,
} from '../src/index.ts'

test('positions sort as text in chronological order', () => {
  expect(positionOf(1, 0xffffffff) < positionOf(2, 0)).toBe(true)
  expect(positionOf(2, 1) < positionOf(2, 10)).toBe(true)
})

test('the previous position crosses the second and stops at zero', () => {
  expect(before(positionOf(2, 0))).toBe(positionOf(1, 0xffffffff))
  expect(before(positionOf(2, 5))).toBe(positionOf(2, 4))
  expect(before(POSITION_ZERO)).toBe(POSITION_ZERO)
})

test('header text is parsed exactly as it is formatted, and nothing else is accepted', () => {
  const text = '0123abcd.00000001000000ff'
  const parsed = parseSourcePosition(text)
  expect(parsed && formatSourcePosition(parsed.source, parsed.at)).toBe(text)
  for (const bad of ['', '0123ABCD.00000001000000ff', '0123abcd', `${text} `, '0123abcd.1', 'now'])
    expect(parseSourcePosition(bad)).toBeUndefined()
  expect(parsePosition('00000001000000fg')).toBeUndefined()
})
