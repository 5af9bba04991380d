import type { SeededRandom } from '@freshet/testkit'
import { badBody, unfitDocument } from './bodies.ts'
import type { Sent } from '../support/raw-client.ts'
import type { Slot } from './model.ts'
import { goodHeaders, type Attempt, type Maker } from './writes.ts'

/** Introduces one fault into a valid request. `undefined` if the fault does not apply to this slot. */
type Fault = (maker: Maker, slot: Slot, sent: Sent) => readonly [sent: Sent, ...wanted: string[]] | undefined

const withHeaders = (sent: Sent, headers: Record<string, string>): Sent => ({
  ...sent,
  headers: { ...sent.headers, ...headers },
})

function withoutHeader(sent: Sent, name: string): Sent {
  const { [name]: _, ...headers } = sent.headers
  return { ...sent, headers }
}

/** Invalid ids of this type, or non-canonical spellings of a valid one. */
export function badId({ of: { collection }, id }: Slot, random: SeededRandom): string {
  switch (collection.idType) {
    case 'string':
      return random.pick(['..', '.', 'a%2Fb', 'a%20b', 'x'.repeat(257), '%C3%A4', 'a!b', '*'])
    case 'integer':
      return random.pick(['01', '1.0', '1e3', 'x', '-0', '9007199254740993', '99999999999999999999'])
    case 'uuid':
      return random.pick([`${id}0`, id.replace('-', ''), id.replace('7000', 'ABCD'), '7'])
    case 'objectid':
      return random.pick([`${id}0`, id.slice(1), `A${id.slice(1)}`, 'x'.repeat(24)])
  }
}

/** Paths that name nothing, for every method and both services. */
export const badPaths: readonly (readonly [path: string, code: string])[] = [
  ['/v1/nothing/x', 'unknown-collection'],
  ['/v1/Products/x', 'unknown-collection'],
  ['/v1/freshet/source', 'unknown-collection'],
  ['/v1/products/a/b', 'unknown-path'],
  ['/v1/products/', 'unknown-path'],
  ['/v1//x', 'unknown-path'],
  ['/v2/products/x', 'unknown-path'],
  ['/', 'unknown-path'],
  ['/v1/products/%zz', 'bad-url'],
  ['/v1/products/%ff', 'bad-url'],
  ['/v1/products/..', 'bad-id'],
  ['/v1/products:changes', 'unknown-path'],
  ['/v1/:batch', 'unknown-path'],
]

const faults: readonly Fault[] = [
  ({ random }, _, sent) => {
    const [path, code] = random.pick(badPaths)
    return [{ ...sent, path }, code]
  },
  ({ random }, slot, sent) => [
    { ...sent, path: `/v1/${slot.of.collection.name}/${badId(slot, random)}` },
    'bad-id',
  ],
  ({ random }, _, sent) => {
    const [query, code] = random.pick([
      ['?x=1', 'bad-query'],
      ['?ids=a', 'bad-query'],
      ['?a=1&a=2', 'bad-url'],
      ['?a=%zz', 'bad-url'],
    ] as const)
    return [{ ...sent, path: sent.path + query }, code]
  },
  (_, { of }, sent) =>
    of.collection.access.write === 'public'
      ? undefined
      : [withoutHeader(sent, 'authorization'), 'unauthenticated'],
  ({ random }, { of }, sent) =>
    of.collection.access.write === 'public'
      ? undefined
      : [
          withHeaders(sent, {
            authorization: random.pick(['Bearer a.b.c', 'Basic eDp5', 'x', `Bearer ${'a'.repeat(2_000)}`]),
          }),
          'unauthenticated',
        ],
  (_, __, sent) => [
    withHeaders(withoutHeader(sent, 'authorization'), { 'idempotency-key': 'k' }),
    'unauthenticated',
  ],
  ({ random }, __, sent) => [
    withHeaders(sent, { 'idempotency-key': random.pick(['a b', '"a', 'a, b', '""', 'x'.repeat(256)]) }),
    'bad-header',
  ],
  ({ random }, __, sent) => [
    withHeaders(sent, {
      [random.pick(['if-match', 'if-none-match'])]: random.pick(['abc', '"a" "b"', '*, *', '"']),
    }),
    'bad-header',
  ],
  (_, { of }, sent) =>
    of.collection.concurrency === 'required'
      ? [withoutHeader(withoutHeader(sent, 'if-match'), 'if-none-match'), 'precondition-required']
      : undefined,
  ({ random }, __, sent) => [
    withHeaders(sent, {
      'content-type': random.pick([
        'text/plain',
        'application/json; charset=latin1',
        'application/merge-patch+json',
        ';',
      ]),
    }),
    'unsupported-media-type',
  ],
  (_, __, sent) => [withoutHeader(sent, 'content-type'), 'unsupported-media-type'],
  (_, __, sent) => [withHeaders(sent, { 'content-encoding': 'gzip' }), 'unsupported-media-type'],
  (_, __, sent) => [withHeaders(sent, { 'content-range': 'bytes 0-1/2' }), 'bad-header'],
  ({ random }, __, sent) => [
    withHeaders(sent, random.pick([{ 'freshet-hops': '1' }, { 'freshet-cause': 'because' }])),
    'bad-header',
  ],
  ({ random }, __, sent) => [
    { ...sent, method: random.pick(['GET', 'HEAD', 'POST', 'TRACE', 'PURGE']) },
    'method-not-allowed',
  ],
  (_, { of }, sent) => [{ ...sent, path: `/v1/${of.collection.name}` }, 'method-not-allowed'],
  ({ random, pools }, slot, sent) => {
    const [body, code] = badBody(random, pools.documents(slot.of))
    return [{ ...sent, body }, code]
  },
  ({ random, pools }, slot, sent) => {
    const [body, code] = badBody(random, pools.documents(slot.of))
    return [{ ...sent, body }, code]
  },
  ({ random, pools }, slot, sent) => {
    const document = unfitDocument(random, slot, pools.documents(slot.of))
    return document && [{ ...sent, body: JSON.stringify(document) }, 'invalid-document']
  },
  ({ random, pools }, slot, sent) => [
    { ...sent, body: JSON.stringify({ ...pools.documents(slot.of), id: random.pick(['another', 7, null]) }) },
    'id-mismatch',
  ],
  ({ random, pools }, { of }, sent) => [
    {
      ...sent,
      method: 'POST',
      path: `/v1/${of.collection.name}`,
      body: JSON.stringify({ ...pools.documents(of), id: random.pick(['..', '', 'a b', null, [], 1.5]) }),
    },
    'invalid-document',
  ],
  (maker, slot, sent) => {
    const operations = maker.random.pick([
      [{ op: 'test', path: '/nothing', value: 1 }],
      [{ op: 'remove', path: '/nothing/at/all' }],
      [{ op: 'move', path: '/a', from: '/nothing' }],
    ])
    const headers = { 'content-type': 'application/json-patch+json' }
    const patch = { ...withHeaders(sent, headers), method: 'PATCH', body: JSON.stringify(operations) }
    return [patch, slot.stored ? 'bad-patch' : 'not-found']
  },
  (_, slot, sent) => {
    const headers = { 'content-type': 'application/merge-patch+json' }
    const patch = { ...withHeaders(sent, headers), method: 'PATCH', body: '{"id":"another"}' }
    return [patch, slot.stored ? 'id-mismatch' : 'not-found']
  },
]

/** A write with one fault. */
export function nearlyGoodWrite(maker: Maker, slot: Slot): Attempt {
  const { random, pools } = maker
  for (;;) {
    const body = JSON.stringify(pools.documents(slot.of))
    const good = { method: 'PUT', path: slot.path, headers: goodHeaders(maker, slot), body }
    const faulty = random.pick(faults)(maker, slot, good)
    if (faulty === undefined) continue
    const [sent, ...wanted] = faulty
    return { sent, wanted: sent.method === 'HEAD' ? ['405'] : wanted, leaves: 'same' }
  }
}
