import { expect, test } from '@jest/globals'
import { matchesStrong, matchesWeak, readCondition, readIdempotencyKey, readPrefer } from '../src/index.ts'

const holds = (
  match: typeof matchesStrong,
  header: string,
  etag: string | undefined,
): boolean | 'malformed' => {
  const condition = readCondition(header)
  return condition ? match(condition, etag) : 'malformed'
}

test.each<[string, boolean, boolean]>([
  ['"a"', true, true],
  ['W/"a"', false, true],
  ['"b", "a"', true, true],
  [' , "b" ,"a",', true, true],
  ['"b","c"', false, false],
  ['"x,y", W/"a"', false, true],
  ['*', true, true],
])('%s against "a": strong %s, weak %s', (header, strong, weak) => {
  expect(holds(matchesStrong, header, '"a"')).toBe(strong)
  expect(holds(matchesWeak, header, '"a"')).toBe(weak)
})

test('nothing matches a missing document', () => {
  for (const header of ['*', '"a"'])
    expect(holds(matchesWeak, header, undefined) || holds(matchesStrong, header, undefined)).toBe(false)
})

test.each(['', ',', 'a', '"a', 'a"', '"a" "b"', 'w/"a"', 'W/ "a"', '*, "a"', '"a", *', '"\u0001"'])(
  'the condition %j is malformed',
  (header) => {
    expect(readCondition(header)).toBeUndefined()
  },
)

test('a long header is parsed in linear time', () => {
  expect(readCondition(`${'"a" , '.repeat(2_000)}x`)).toBeUndefined()
  expect(readCondition(' '.repeat(16_000))).toBeUndefined()
})

test('preferences are parsed case-insensitively by name; the first one counts; unknown ones are ignored', () => {
  expect(readPrefer(undefined)).toEqual({ waitS: undefined, minimal: false, lenient: false })
  expect(readPrefer('wait=5, return=minimal; x=1, Handling="lenient"')).toEqual({
    waitS: 5,
    minimal: true,
    lenient: true,
  })
  expect(readPrefer('WAIT = 7, wait=9').waitS).toBe(7)
  expect(readPrefer('wait=31').waitS).toBe(30)
  expect(readPrefer('wait=0').waitS).toBe(0)
  for (const bad of ['wait', 'wait=-1', 'wait=1.5', 'wait=1e9', 'respond-async'])
    expect(readPrefer(bad).waitS).toBeUndefined()
})

test.each([
  ['8e03978e-40d5-43dd-bc93-6894a57f9324', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
  ['"8e03978e"', '8e03978e'],
  ['"a b, c"', 'a b, c'],
  [String.raw`"a\"b"`, 'a"b'],
  ['"a";x=1', 'a'],
  ['a;x=1', 'a;x=1'],
  ['x'.repeat(255), 'x'.repeat(255)],
  ['', undefined],
  ['""', undefined],
  ['x'.repeat(256), undefined],
  [`"${'x'.repeat(256)}"`, undefined],
  ['a b', undefined],
  ['a, b', undefined],
  ['"a", "b"', undefined],
  ['"a', undefined],
  ['a"', undefined],
  ['"ä"', undefined],
  ['ä', undefined],
])('the Idempotency-Key %j is parsed as %j', (header, key) => {
  expect(readIdempotencyKey(header)).toBe(key)
})
