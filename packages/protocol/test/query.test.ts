import { expect, test } from '@jest/globals'
import { isId, ProblemError, readIds, readQuery } from '../src/index.ts'

test('an id of 256 characters is valid', () => {
  expect([isId('a'.repeat(256)), isId('a'.repeat(257)), isId('')]).toEqual([true, false, false])
})

const refusal = (run: () => unknown): string | undefined => {
  try {
    run()
  } catch (error) {
    return error instanceof ProblemError ? error.code : undefined
  }
  return undefined
}

test('a query is decoded once, with + as a space; a duplicate or malformed parameter is refused', () => {
  expect([...readQuery('a=1&b=x+y%2B%2525&&c&price[gte]=5&=e')]).toEqual([
    ['a', '1'],
    ['b', 'x y+%25'],
    ['c', ''],
    ['price[gte]', '5'],
    ['', 'e'],
  ])
  expect(readQuery('').size).toBe(0)
  for (const query of ['a=1&a=1', 'a=1&%61=2', 'a=%', '%ff=1'])
    expect(refusal(() => readQuery(query))).toBe('bad-url')
})

test('ids keep their order and duplicates, and each must be valid', () => {
  expect(readIds('b,a,b', 3)).toEqual(['b', 'a', 'b'])
  expect(refusal(() => readIds('', 3))).toBe('bad-query')
  expect(refusal(() => readIds('a,b,c,d', 3))).toBe('bad-query')
  for (const ids of ['a,', ',', 'a,..', 'a,b c']) expect(refusal(() => readIds(ids, 3))).toBe('bad-id')
})
