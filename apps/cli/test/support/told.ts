import { etagOf } from '@freshet/documents'
import { parseSourcePosition, type Position } from '@freshet/protocol'
import type { TruthSource } from '../../src/audit/contract.ts'
import type { AskedFor, Told } from './liar.ts'

/** Whether the answer states a fact about data. */
export const isFact = ({ status }: Told): boolean => [200, 304, 404, 412].includes(status)
export const isDocument = ({ status, body }: Told): boolean => status === 200 && body.length > 0
export const isSeveral = ({ url }: AskedFor): boolean => url.includes('?ids=')
export const saying = (told: Told, name: string, value: string): Told => ({
  ...told,
  headers: { ...told.headers, [name]: value },
})
export const without = (told: Told, name: string): Told => ({
  ...told,
  headers: Object.fromEntries(Object.entries(told.headers).filter(([other]) => other !== name)),
})
export const withBody = (told: Told, body: string): Told => ({ ...told, body: Buffer.from(body) })
export const bodyOf = ({ body }: Told): string => body.toString()

/** The same answer with another source or position. */
export function placed(told: Told, change: (at: { source: string; at: Position }) => string): Told {
  const named = parseSourcePosition(told.headers['freshet-position'] ?? '')
  return named === undefined ? told : saying(told, 'freshet-position', change(named))
}
export const shifted = (told: Told, ticks: bigint): Told =>
  placed(told, ({ source, at }) => `${source}.${(BigInt(`0x${at}`) + ticks).toString(16).padStart(16, '0')}`)
export const seconds = (count: number): bigint => BigInt(count) * 2n ** 32n

/** The answer of a reader at this position. */
export async function toldAt(
  reads: Pick<TruthSource, 'at'>,
  asked: AskedFor,
  source: string,
  at: Position,
  ageS: number,
): Promise<Told> {
  const [, collection = '', id = ''] = /^\/v1\/([^/?]+)(?:\/|\?ids=)?(.*)$/.exec(asked.url) ?? []
  const ids = id.split(',').map(decodeURIComponent)
  const truth = await reads.at(at, collection, ids)
  if (truth.kind === 'unknown') throw new Error(truth.reason)
  const items = ids.flatMap((one) => truth.documents.get(one) ?? [])
  const missing = ids.filter((one) => !truth.documents.has(one))
  const [only] = items
  const facts = { 'freshet-position': `${source}.${at}`, age: String(ageS), 'cache-status': 'freshet; hit' }
  const problem = Buffer.from('{"type":"https://freshet.dev/problems/not-found"}')
  const made = isSeveral(asked)
    ? { status: 200, body: Buffer.from(`{"items":[${items.join()}],"missing":${JSON.stringify(missing)}}`) }
    : { status: only === undefined ? 404 : 200, body: only ?? problem }
  const etag = isSeveral(asked) || only === undefined ? undefined : etagOf(only)
  if (etag !== undefined && asked.headers['if-none-match'] === etag)
    return { status: 304, headers: { ...facts, etag }, body: Buffer.alloc(0) }
  if (etag !== undefined && (asked.headers['if-match'] ?? etag) !== etag)
    return { status: 412, headers: { ...facts, etag }, body: problem }
  const headers = {
    ...facts,
    ...(etag !== undefined && { etag }),
    'content-type': 'application/json',
    'content-length': String(made.body.length),
  }
  return { status: made.status, headers, body: asked.method === 'HEAD' ? Buffer.alloc(0) : made.body }
}
