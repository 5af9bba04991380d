import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import { isId, ProblemError, readIds, readQuery, readTarget } from '../src/index.ts'

const document = (collection: string, id: string, query = '') => ({
  kind: 'document',
  collection,
  id,
  key: `${collection}/${id}`,
  query,
})
const collection = (name: string, action = '', query = '') => ({
  kind: 'collection',
  collection: name,
  action,
  query,
})

test.each<[string, object]>([
  ['/v1/products/p1', document('products', 'p1')],
  ['/v1/products/A~b@c|d:e.f-G_', document('products', 'A~b@c|d:e.f-G_')],
  ['/v1/products/...', document('products', '...')],
  ['/v1/products/p1?a=1?b', document('products', 'p1', 'a=1?b')],
  ['/v1/products/p1?x=/y', document('products', 'p1', 'x=/y')],
  ['/v1/products/p%31', document('products', 'p1')],
  ['/v1/products/a%7Cb', document('products', 'a|b')],
  ['/v1/%70roducts/p1?q=%20', document('products', 'p1', 'q=%20')],
  ['/%761/products/p1', document('products', 'p1')],
  ['/v1/Products/P1', document('Products', 'P1')],
  ['http://host:80/v1/products/p1', document('products', 'p1')],
  ['/v1/products', collection('products')],
  ['/v1/products?ids=a,b', collection('products', '', 'ids=a,b')],
  ['/v1/products:changes?ids=a', collection('products', 'changes', 'ids=a')],
  ['/v1/products%3Achanges', collection('products', 'changes')],
  ['/v1/:batch', { kind: 'action', action: 'batch', query: '' }],
  ['/v1/:batch?atomic=true', { kind: 'action', action: 'batch', query: 'atomic=true' }],
])('%s is understood', (url, expected) => {
  expect(readTarget(url)).toEqual(expected)
})

test.each([
  ...[
    '',
    '/',
    '*',
    '/v1',
    '/v1/',
    '/V1/products/p1',
    '/v2/products/p1',
    '//v1/products/p1',
    '/v1//p1',
    '/v1/products/',
  ].map((url) => [url, 'unknown-path'] as const),
  ...[
    '/v1/products/p1/',
    '/v1/products/p1/x',
    '/v1/products:',
    '/v1/:',
    '/v1/a%2Fb',
    '/v1/a%2Fb/c',
    'ftp://h/v1/a/b',
  ].map((url) => [url, 'unknown-path'] as const),
  ...[
    '/v1/products/.',
    '/v1/products/..',
    '/v1/products/%2e%2E',
    '/v1/products/a%2Fb',
    '/v1/products/a%2531',
  ].map((url) => [url, 'bad-id'] as const),
  ...[
    '/v1/products/é',
    '/v1/products/%C3%A9',
    '/v1/products/a%00',
    '/v1/products/a b',
    `/v1/products/${'a'.repeat(257)}`,
  ].map((url) => [url, 'bad-id'] as const),
  ...['/v1/products/%', '/v1/products/%zz', '/v1/products/%C3', '/v1/%/p1', '/v1/%ff', '/%ff/a/b'].map(
    (url) => [url, 'bad-url'] as const,
  ),
])('%s is refused with %s', (url, code) => {
  expect(readTarget(url)).toMatchObject({ kind: 'none', code })
})

test('an id of 256 characters is one', () => {
  expect([isId('a'.repeat(256)), isId('a'.repeat(257)), isId('')]).toEqual([true, false, false])
})

test('every id comes back from its URL, however much of it is encoded', () => {
  const char = fc.constantFrom(...'abzABZ019_~@|:.-'.split(''))
  const id = fc
    .string({ unit: char, minLength: 1, maxLength: 256 })
    .filter((text) => text !== '.' && text !== '..')
  const property = fc.property(id, fc.array(fc.boolean()), (wanted, encode) => {
    const hex = (text: string) => `%${text.charCodeAt(0).toString(16).padStart(2, '0')}`
    const sent = wanted
      .split('')
      .map((text, at) => (encode[at] ? hex(text) : text))
      .join('')
    expect(readTarget(`/v1/things/${sent}`)).toEqual(document('things', wanted))
  })
  fc.assert(property)
})

test('any text is a target or a refusal, never an error', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) =>
      ['none', 'document', 'collection', 'action'].includes(readTarget(`/v1/${text}`).kind),
    ),
  )
})

const refusal = (run: () => unknown): string | undefined => {
  try {
    run()
  } catch (error) {
    return error instanceof ProblemError ? error.code : undefined
  }
  return undefined
}

test('a query is decoded once, with + as a space; a parameter twice or broken is refused', () => {
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

test('ids keep their order and number, and each must be one', () => {
  expect(readIds('b,a,b', 3)).toEqual(['b', 'a', 'b'])
  expect(refusal(() => readIds('', 3))).toBe('bad-query')
  expect(refusal(() => readIds('a,b,c,d', 3))).toBe('bad-query')
  for (const ids of ['a,', ',', 'a,..', 'a,b c']) expect(refusal(() => readIds(ids, 3))).toBe('bad-id')
})
