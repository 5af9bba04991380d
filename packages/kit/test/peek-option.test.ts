import { expect, test } from '@jest/globals'
import { bytes, peekOption, REQUIRED } from '../src/index.ts'

const size = bytes('cache-size', 1_024, 'For the test.')
const noFile = (): string => {
  throw new Error('no file')
}

test('one option is read from flag, variable and file, in this order, whatever else is set', () => {
  const readFile = (): string => '{"cache-size":"4KiB","unknown":true}'
  const from = { argv: ['--config', 'a', '--unknown'], env: { FRESHET_UNKNOWN: 'x' }, readFile }
  expect(peekOption(size, from)).toBe(4_096)
  expect(peekOption(size, { ...from, env: { FRESHET_CACHE_SIZE: '5KiB' } })).toBe(5_120)
  expect(peekOption(size, { ...from, argv: ['--cache-size', '6KiB'] })).toBe(6_144)
  expect(peekOption(size, { argv: [], env: {}, readFile: noFile })).toBe(1_024)
})

test('a missing, an invalid and an unreadable value are left to readConfig', () => {
  const from = { argv: ['--config=a'], env: {}, readFile: noFile }
  expect(peekOption(bytes('cache-size', REQUIRED, 'For the test.'), from)).toBeUndefined()
  expect(peekOption(size, { ...from, argv: ['--cache-size=much'] })).toBeUndefined()
  expect(peekOption(size, { ...from, readFile: () => 'not JSON' })).toBe(1_024)
})
