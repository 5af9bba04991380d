import { expect, test } from '@jest/globals'
import type { Hop } from '../src/lineage.ts'
import { loopFault } from '../src/loop.ts'

const hop = (handler: string, ...writes: string[]): Hop => ({ handler, heard: 'c/1', writes })

test.each<[string, readonly Hop[], string, number, ReturnType<typeof loopFault>]>([
  ['a write without a cause', [], 'c', 0, undefined],
  ['a declared write', [hop('s/a', 'b', 'c')], 'c', 1, undefined],
  ['a write to another collection', [hop('s/a', 'b')], 'c', 1, 'undeclared'],
  ['a write with no hops allowed', [hop('s/a', 'c')], 'c', 0, 'too-many-hops'],
  ['a second hop', [hop('s/a', 'b'), hop('s/b', 'c')], 'c', 1, 'too-many-hops'],
  ['a second hop with two allowed', [hop('s/a', 'b'), hop('s/b', 'c')], 'c', 2, undefined],
  [
    'a write caused by the handler itself',
    [hop('s/a', 'b'), hop('s/b', 'c'), hop('s/a', 'b')],
    'b',
    9,
    'own-entry',
  ],
  ['handlers with the same name in two services', [hop('s/a', 'b'), hop('t/a', 'c')], 'c', 2, undefined],
  // A repetition by earlier hops is not the fault of this write.
  ['an older repetition', [hop('s/a', 'b'), hop('s/a', 'b'), hop('s/b', 'c')], 'c', 9, undefined],
])('%s', (_, lineage, collection, maxHops, fault) => {
  expect(loopFault(lineage, collection, maxHops)).toBe(fault)
})
