import type { JsonObject } from '@freshet/documents'
import type { SeededRandom } from '@freshet/testkit'
import type { Sent } from '../support/raw-client.ts'
import { merged, type Pools, type Slot } from './model.ts'

/** A write and its expected result. */
export interface Attempt {
  readonly sent: Sent
  /** Problem codes or statuses, one of which must be the answer; `undefined`: any in the contract. */
  readonly wanted: readonly string[] | undefined
  /** What is stored after a success, without the id. */
  readonly leaves: JsonObject | 'none' | 'same' | 'unknown'
  /** A POST without an id, which the writer generates. */
  readonly makesId?: true
}

/** What writes are generated from. */
export interface Maker {
  readonly random: SeededRandom
  readonly pools: Pools
  readonly authorization: string
}

const OTHER_TAG = '"AAAAAAAAAAAAAAAAAAAAAA"'

/** Headers of a valid write to this slot: the required precondition, and the token. */
export function goodHeaders({ authorization }: Maker, { of, stored }: Slot): Record<string, string> {
  const needed = of.collection.concurrency === 'required'
  return {
    authorization,
    'content-type': 'application/json',
    ...(needed && (stored ? { 'if-match': stored.etag } : { 'if-none-match': '*' })),
  }
}

const wants = (...wanted: readonly string[]): readonly string[] => wanted

type Write = (maker: Maker, slot: Slot) => Attempt

const put: Write = (maker, slot) => {
  const leaves = maker.pools.documents(slot.of)
  return {
    sent: { method: 'PUT', path: slot.path, headers: goodHeaders(maker, slot), body: JSON.stringify(leaves) },
    wanted: wants(slot.stored ? '200' : '201'),
    leaves,
  }
}

const putIf: Write = (maker, slot) => {
  const { stored } = slot
  const { sent, leaves } = put(maker, slot)
  const [header, value, holds] = maker.random.pick([
    ['if-match', stored?.etag ?? OTHER_TAG, stored !== undefined],
    ['if-match', `${OTHER_TAG}, ${stored?.etag ?? '"x"'}`, stored !== undefined],
    ['if-match', OTHER_TAG, false],
    ['if-match', '*', stored !== undefined],
    ['if-none-match', '*', stored === undefined],
    ['if-none-match', OTHER_TAG, true],
    ['if-none-match', `W/${stored?.etag ?? OTHER_TAG}`, stored === undefined],
  ] as const)
  const { 'if-match': _, 'if-none-match': __, ...others } = sent.headers
  return {
    sent: { ...sent, headers: { ...others, [header]: value } },
    wanted: holds ? wants(stored ? '200' : '201') : wants('precondition-failed'),
    leaves,
  }
}

const post: Write = (maker, { of, id, stored }) => {
  const { random, pools, authorization } = maker
  const leaves = pools.documents(of)
  const makesId = of.collection.idType !== 'integer' && random.below(2) === 0
  return {
    sent: {
      method: 'POST',
      path: `/v1/${of.collection.name}`,
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify(makesId ? leaves : { ...leaves, id }),
    },
    wanted: wants(stored && !makesId ? 'already-exists' : '201'),
    leaves,
    ...(makesId && { makesId }),
  }
}

/** A PATCH of the slot; the patch succeeds if the document exists. */
function patching(maker: Maker, slot: Slot, type: string, patch: unknown, after: JsonObject): Attempt {
  const headers = { ...goodHeaders(maker, slot), 'content-type': `application/${type}+json` }
  return {
    sent: { method: 'PATCH', path: slot.path, headers, body: JSON.stringify(patch) },
    wanted: wants(slot.stored ? '200' : 'not-found'),
    leaves: after,
  }
}

/** Some fields of a valid document, so that the result is valid too. */
const mergePatch: Write = (maker, slot) => {
  const { random, pools } = maker
  const fields = Object.entries(pools.documents(slot.of)).filter(() => random.below(2) === 0)
  const patch = Object.fromEntries(fields)
  const after = merged(slot.stored?.json ?? {}, patch)
  return patching(maker, slot, 'merge-patch', patch, after as JsonObject)
}

const pointer = (name: string): string => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`

const jsonPatch: Write = (maker, slot) => {
  const { random, pools } = maker
  const before = slot.stored?.json ?? {}
  const fields = Object.entries(pools.documents(slot.of)).filter(() => random.below(2) === 0)
  const operations = fields.flatMap(([name, value]) => [
    ...(name in before ? [{ op: 'test', path: pointer(name), value: before[name] }] : []),
    { op: 'add', path: pointer(name), value },
  ])
  return patching(maker, slot, 'json-patch', operations, { ...before, ...Object.fromEntries(fields) })
}

const remove: Write = (maker, slot) => {
  const { 'content-type': _, ...headers } = goodHeaders(maker, slot)
  return {
    sent: { method: 'DELETE', path: slot.path, headers },
    wanted: wants(slot.stored ? '204' : 'not-found'),
    leaves: 'none',
  }
}

const options: Write = ({ random }, { path, of }) => ({
  sent: { method: 'OPTIONS', path: random.pick([path, `/v1/${of.collection.name}`]), headers: {} },
  wanted: wants('204'),
  leaves: 'same',
})

const writes: readonly Write[] = [put, put, putIf, putIf, post, mergePatch, jsonPatch, remove, options]

/** A valid write, with preferences and keys as clients send them. */
export function goodWrite(maker: Maker, slot: Slot): Attempt {
  const { random } = maker
  const attempt = random.pick(writes)(maker, slot)
  const { sent } = attempt
  const headers = {
    ...sent.headers,
    ...(random.below(5) === 0 && {
      prefer: random.pick(['return=minimal', 'handling=lenient, return=minimal', 'x']),
    }),
    ...(random.below(4) === 0 && sent.method !== 'OPTIONS' && { 'idempotency-key': keyOf(random) }),
  }
  return { ...attempt, sent: { ...sent, headers } }
}

function keyOf(random: SeededRandom): string {
  const key = Array.from({ length: 4 }, () => random.below(2 ** 30).toString(36)).join('-')
  return random.below(2) === 0 ? key : `"${key}"`
}
