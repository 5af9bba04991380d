import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import {
  describeLineage,
  formatLineage,
  isHandlerName,
  loopFault,
  MAX_HOPS,
  parseLineage,
  type Hop,
} from '../src/lineage.ts'

const hop: fc.Arbitrary<Hop> = fc.record({
  handler: fc.stringMatching(/^[a-z][a-z0-9_-]{0,9}\/[a-z][a-z0-9_-]{0,9}$/),
  heard: fc
    .tuple(fc.stringMatching(/^[a-z][a-z0-9_-]{0,9}$/), fc.stringMatching(/^[A-Za-z0-9_~@|:.-]{1,20}$/))
    .map((parts) => parts.join('/')),
  writes: fc.array(fc.stringMatching(/^[a-z][a-z0-9_-]{0,9}$/), { maxLength: 3 }),
})

test('a lineage survives a round trip through its header', () => {
  fc.assert(
    fc.property(fc.array(hop, { maxLength: MAX_HOPS + 1 }), (lineage) => {
      expect(parseLineage(formatLineage(lineage))).toEqual(lineage)
    }),
  )
})

test('any text is parsed as a lineage or refused, without any other error', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const lineage = parseLineage(text)
      if (lineage !== undefined) expect(parseLineage(formatLineage(lineage))).toEqual(lineage)
    }),
    { numRuns: 2_000 },
  )
})

test.each([
  [
    'a list longer than any lineage',
    Array(MAX_HOPS + 2)
      .fill('a/b;heard="c/d";writes=""')
      .join(),
  ],
  ['a string instead of a token', '"a/b";heard="c/d";writes=""'],
  ['no document', 'a/b;writes=""'],
  ['no declaration', 'a/b;heard="c/d"'],
  ['a name without a service', 'b;heard="c/d";writes=""'],
  ['a name with invalid characters', 'A/b;heard="c/d";writes=""'],
  ['an inner list', '(a/b);heard="c/d";writes=""'],
])('refused: %s', (_, text) => {
  expect(parseLineage(text)).toBeUndefined()
})

test('the format is as documented', () => {
  const lineage = [{ handler: 'stock/recount', heard: 'orders/42', writes: ['stock', 'prices'] }]
  expect(formatLineage(lineage)).toBe('stock/recount;heard="orders/42";writes="stock prices"')
  expect(describeLineage([...lineage, { handler: 'shop/notify', heard: 'stock/7', writes: [] }])).toBe(
    'orders/42 → stock/recount → stock/7 → shop/notify',
  )
})

test.each([
  ['stock/recount', true],
  ['stock', false],
  ['stock/', false],
  ['Stock/recount', false],
  ['a/b/c', false],
  [`a/${'b'.repeat(65)}`, false],
])('the handler name %s is %s', (name, good) => {
  expect(isHandlerName(name)).toBe(good)
})

const hopOf = (handler: string, ...writes: string[]): Hop => ({ handler, heard: 'c/1', writes })

test.each<[string, readonly Hop[], string, number, ReturnType<typeof loopFault>]>([
  ['a write without a cause', [], 'c', 0, undefined],
  ['a declared write', [hopOf('s/a', 'b', 'c')], 'c', 1, undefined],
  ['a write to another collection', [hopOf('s/a', 'b')], 'c', 1, 'undeclared'],
  ['a write with no hops allowed', [hopOf('s/a', 'c')], 'c', 0, 'too-many-hops'],
  ['a second hop', [hopOf('s/a', 'b'), hopOf('s/b', 'c')], 'c', 1, 'too-many-hops'],
  ['a second hop with two allowed', [hopOf('s/a', 'b'), hopOf('s/b', 'c')], 'c', 2, undefined],
  [
    'a write caused by the handler itself',
    [hopOf('s/a', 'b'), hopOf('s/b', 'c'), hopOf('s/a', 'b')],
    'b',
    9,
    'own-entry',
  ],
  ['handlers with the same name in two services', [hopOf('s/a', 'b'), hopOf('t/a', 'c')], 'c', 2, undefined],
  // A repetition by earlier hops is not the fault of this write.
  ['an older repetition', [hopOf('s/a', 'b'), hopOf('s/a', 'b'), hopOf('s/b', 'c')], 'c', 9, undefined],
])('%s', (_, lineage, collection, maxHops, fault) => {
  expect(loopFault(lineage, collection, maxHops)).toBe(fault)
})
