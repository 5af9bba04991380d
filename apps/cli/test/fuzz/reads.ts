import type { JsonObject } from '@freshet/documents'
import type { SeededRandom } from '@freshet/testkit'
import { badId, badPaths } from './faults.ts'
import type { Sent } from '../support/raw-client.ts'
import type { Slot } from './model.ts'

/** A read and its expected result. */
export interface Reading {
  readonly sent: Sent
  /** Problem codes or statuses; the answer must be one of them. */
  readonly wanted: readonly string[]
  /** The document of a 200 response, or the items and missing ids of a list. */
  readonly shows?: Slot | { readonly items: readonly JsonObject[]; readonly missing: readonly string[] }
}

/** What reads are generated from. */
export interface ReadMaker {
  readonly random: SeededRandom
  readonly authorization: string
  /** Documents whose state is known. */
  readonly known: readonly Slot[]
  /** The position of an earlier answer. */
  readonly position: string
}

const OTHER_TAG = '"AAAAAAAAAAAAAAAAAAAAAA"'

/** The maximum number of ids in a list. */
const MAX_IDS = 200

type Read = (maker: ReadMaker, slot: Slot) => Reading

const plain: Read = ({ random, authorization }, slot) => ({
  sent: { method: random.pick(['GET', 'GET', 'HEAD']), path: slot.path, headers: { authorization } },
  wanted: [slot.stored ? '200' : 'not-found'],
  shows: slot,
})

const conditional: Read = (maker, slot) => {
  const { sent } = plain(maker, slot)
  const etag = slot.stored?.etag ?? OTHER_TAG
  const [header, value, status] = maker.random.pick([
    ['if-none-match', etag, '304'],
    ['if-none-match', `W/${etag}`, '304'],
    ['if-none-match', `${OTHER_TAG}, ${etag}`, '304'],
    ['if-none-match', '*', '304'],
    ['if-none-match', '"other"', '200'],
    ['if-match', etag, '200'],
    ['if-match', '*', '200'],
    ['if-match', '"other"', 'precondition-failed'],
    ['if-match', `W/${etag}`, 'precondition-failed'],
  ] as const)
  return {
    sent: { ...sent, headers: { ...sent.headers, [header]: value } },
    wanted: [slot.stored ? status : 'not-found'],
    shows: slot,
  }
}

const atLeast: Read = (maker, slot) => {
  const { sent, wanted } = plain(maker, slot)
  const [from, instead] = maker.random.pick([
    [maker.position, undefined],
    ['now', undefined],
    [`${maker.position.slice(0, 9)}0000000000000001`, undefined],
    [`00000000.${maker.position.slice(9)}`, 'bad-position'],
    [`${maker.position.slice(0, 9)}ffffffffffffffff`, 'reader-behind'],
    ['x', 'bad-position'],
    [maker.position.toUpperCase().replace(/^\w{8}/, 'ABCDEF01'), 'bad-position'],
    [`${maker.position}0`, 'bad-position'],
  ] as const)
  return {
    sent: { ...sent, headers: { ...sent.headers, 'freshet-at-least': from, prefer: 'wait=10' } },
    wanted: instead === undefined ? wanted : [instead],
    shows: slot,
  }
}

const list: Read = ({ random, authorization, known }, slot) => {
  const same = known.filter(({ of }) => of === slot.of)
  const asked = Array.from({ length: 1 + random.below(8) }, () => random.pick(same))
  const slots = [...new Set(asked)]
  const items = slots.flatMap(({ id, stored }) => (stored ? [{ id, ...stored.json }] : []))
  const missing = slots.flatMap(({ id, stored }) => (stored ? [] : [id]))
  const ids = asked.map(({ id }) => id).join(random.pick([',', '%2C', '%2c']))
  return {
    sent: { method: 'GET', path: `/v1/${slot.of.collection.name}?ids=${ids}`, headers: { authorization } },
    wanted: ['200'],
    shows: { items, missing },
  }
}

/** The same path with one character percent-encoded. */
const encoded: Read = (maker, slot) => {
  const reading = plain(maker, slot)
  const last = slot.id.charCodeAt(slot.id.length - 1).toString(16)
  return { ...reading, sent: { ...reading.sent, path: `${slot.path.slice(0, -1)}%${last}` } }
}

const reads: readonly Read[] = [plain, plain, plain, conditional, conditional, atLeast, list, encoded]

export function goodRead(maker: ReadMaker): Reading {
  return maker.random.pick(reads)(maker, maker.random.pick(maker.known))
}

type Fault = (maker: ReadMaker, slot: Slot) => readonly [change: Partial<Sent>, code: string] | undefined

const faults: readonly Fault[] = [
  ({ random }) => {
    const [path, code] = random.pick(badPaths)
    return [{ path }, code]
  },
  ({ random }, slot) => [{ path: `/v1/${slot.of.collection.name}/${badId(slot, random)}` }, 'bad-id'],
  ({ random }, slot) => {
    const bad = badId(slot, random)
    return [{ path: `/v1/${slot.of.collection.name}?ids=${slot.id},${bad}` }, 'bad-id']
  },
  ({ random }, { path }) => {
    const [query, code] = random.pick([
      ['?x=1', 'bad-query'],
      ['?ids=a', 'bad-query'],
      ['?a=1&a=2', 'bad-url'],
      ['?a=%zz', 'bad-url'],
    ] as const)
    return [{ path: path + query }, code]
  },
  ({ random }, { of, id }) => {
    const [query, code] = random.pick([
      ['', 'bad-query'],
      ['?ids=', 'bad-query'],
      [`?ids=${`${id},`.repeat(MAX_IDS)}${id}`, 'bad-query'],
      [`?ids=${id}&sort=at`, 'bad-query'],
      [`?ids=${id}&ids=${id}`, 'bad-url'],
      [`?ids=${id}%`, 'bad-url'],
      [`?ids=${id},,${id}`, 'bad-id'],
    ] as const)
    return [{ path: `/v1/${of.collection.name}${query}` }, code]
  },
  (_, { of }) => (of.collection.access.read === 'public' ? undefined : [{ headers: {} }, 'unauthenticated']),
  ({ random }, { of }) =>
    of.collection.access.read === 'public'
      ? undefined
      : [{ headers: { authorization: random.pick(['Bearer a.b.c', 'Basic eDp5', 'x']) } }, 'unauthenticated'],
  ({ random, authorization }, { stored }) => {
    const name = random.pick(['if-match', 'if-none-match'])
    const headers = { authorization, [name]: random.pick(['abc', '"a" "b"', '*, *', '"']) }
    return [{ headers }, stored ? 'bad-header' : 'not-found']
  },
  ({ random }) => [
    { method: random.pick(['POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND']), body: '{"name":"x"}' },
    'method-not-allowed',
  ],
]

/** A read with one fault. */
export function nearlyGoodRead(maker: ReadMaker): Reading {
  const { random, known, authorization } = maker
  for (;;) {
    const slot = random.pick(known)
    const faulty = random.pick(faults)(maker, slot)
    if (faulty === undefined) continue
    const [change, code] = faulty
    return { sent: { method: 'GET', path: slot.path, headers: { authorization }, ...change }, wanted: [code] }
  }
}
