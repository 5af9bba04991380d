import type { SeededRandom } from '@freshet/testkit'
import type { Sent } from '../support/raw-client.ts'
import type { Pools, Slot } from './model.ts'
import { badPaths } from './faults.ts'

const methods = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
  'SEARCH',
  'M-SEARCH',
]

/** Values that might appear in our headers. */
const values = [
  '*',
  '"x"',
  'W/"x", "y"',
  'now',
  '00000000.0000000000000000',
  'ffffffff.ffffffffffffffff',
  'wait=1',
  'return=minimal; wait=0, handling="lenient"',
  'application/json',
  'application/merge-patch+json',
  'application/json-patch+json;charset="UTF-8"',
  'bytes=0-1',
  'identity',
  'a, b;c="d"',
  '',
  ' ',
  '\t',
  '\u00e9\u00ff',
  'x'.repeat(500),
  '1',
  '-1',
  'stock/recount;heard="a/1";writes="products"',
]

const names = [
  'accept',
  'accept-encoding',
  'authorization',
  'content-type',
  'content-encoding',
  'content-range',
  'freshet-at-least',
  'freshet-cause',
  'freshet-hops',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'idempotency-key',
  'last-event-id',
  'origin',
  'prefer',
  'range',
  'te',
  'x-http-method-override',
]

/** A path of characters that are valid in a request line. */
function anyPath(random: SeededRandom): string {
  const parts = [
    '/',
    '/v1/',
    'products',
    '%',
    '%2F',
    '%00',
    '?',
    'ids=',
    ',',
    '&',
    ':',
    ';',
    '..',
    '\u00e9',
    '\\',
    '#',
    'a',
  ]
  return `/${Array.from({ length: random.below(8) }, () => random.pick(parts)).join('')}`
}

/** Anything that HTTP can express, often for an existing document. */
export function wildRequest(random: SeededRandom, pools: Pools, slot: Slot, authorization: string): Sent {
  const path = random.pick([
    slot.path,
    slot.path,
    `/v1/${slot.of.collection.name}`,
    `/v1/${slot.of.collection.name}?ids=${slot.id}`,
    random.pick(badPaths)[0],
    anyPath(random),
  ])
  const some = Array.from(
    { length: random.below(5) },
    () => [random.pick(names), random.pick(values)] as const,
  )
  const strange = JSON.stringify(pools.strange())
  const any = random.pick([
    strange,
    JSON.stringify(pools.documents(slot.of)),
    `[${strange}]`,
    JSON.stringify([
      { op: random.pick(['add', 'test', 'move', 'nothing']), path: '/a', value: pools.strange() },
    ]),
    Buffer.from(Array.from({ length: random.below(40) }, () => random.below(256))),
  ])
  const body = random.below(5) === 0 ? undefined : any
  const type = random.pick([
    'application/json',
    'application/merge-patch+json',
    'application/json-patch+json',
    'x/y',
  ])
  const given = { ...(random.below(3) > 0 && { authorization }), 'content-type': type }
  const method = random.pick(methods)
  // When a malformed request is refused, it is unknown whether it was a HEAD, so its answer may have a body.
  const sound = method === 'HEAD' ? slot.path : path
  return { method, path: sound, headers: { ...given, ...Object.fromEntries(some) }, body }
}
