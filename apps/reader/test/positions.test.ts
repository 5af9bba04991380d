import { expect, test } from '@jest/globals'
import type { ReplicaErrorCode } from '@freshet/replica'
import type { AnsweredCode } from '../src/waiting-reads.ts'
import { eventually } from '@freshet/testkit'
import { openReader } from './support/open-reader.ts'

const ahead = '01234567.0000000000000009'

test('a position that has been reached is answered at once, from memory', async () => {
  await using reader = await openReader()
  const position = reader.replica.put('products/a', '{"id":"a"}')
  reader.replica.hold('products/a')
  const answer = await reader.ask('/v1/products/a', { headers: { 'freshet-at-least': position } })
  expect([answer.status, answer.headers.get('cache-status')]).toEqual([200, 'freshet; hit'])
  expect(reader.replica.reads).toBe(0)
})

test('a position that has not been reached is waited for', async () => {
  await using reader = await openReader()
  reader.replica.put('products/a', '{"id":"a","v":1}')
  reader.replica.hold('products/a')
  const headers = { 'freshet-at-least': ahead, prefer: 'wait=20' }
  const one = reader.ask('/v1/products/a', { headers })
  const several = reader.ask('/v1/products?ids=a', { headers })
  await eventually(() => expect(reader.replica.waiting).toBe(2))
  reader.replica.put('products/a', '{"id":"a","v":2}')
  await eventually(() => expect(reader.replica.waiting).toBe(2))
  reader.replica.moveTo(9)
  const answer = await one
  expect(await answer.json()).toEqual({ id: 'a', v: 2 })
  expect(answer.headers.get('freshet-position')).toBe(ahead)
  expect(await (await several).json()).toMatchObject({ items: [{ v: 2 }] })
})

test('a position that is not reached in time is 503 with the current one', async () => {
  await using reader = await openReader()
  reader.replica.hold('products/a')
  for (const path of ['/v1/products/a', '/v1/products?ids=a']) {
    const answer = await reader.ask(path, { headers: { 'freshet-at-least': ahead, prefer: 'wait=0' } })
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
    expect(answer.headers.get('freshet-position')).toBe(reader.replica.positionText)
    expect(await answer.json()).toMatchObject({ type: 'https://freshet.dev/problems/reader-behind' })
  }
})

test('now asks the database, even if the document is cached', async () => {
  await using reader = await openReader()
  reader.replica.put('products/a', '{"id":"a"}')
  reader.replica.hold('products/a')
  const headers = { 'freshet-at-least': 'now' }
  expect((await reader.ask('/v1/products/a', { headers })).status).toBe(200)
  reader.replica.failure = 'BEHIND'
  const refused = await reader.ask('/v1/products/a', { headers })
  expect([refused.status, refused.headers.get('freshet-position')]).toEqual([
    503,
    reader.replica.positionText,
  ])
  expect(await refused.json()).toMatchObject({ type: 'https://freshet.dev/problems/reader-behind' })
})

test.each(['', 'yesterday', '01234567', '01234567.xyz', 'ffffffff.0000000000000001', '01234567.0!'])(
  'the position %j is 400',
  async (text) => {
    await using reader = await openReader()
    reader.replica.hold('products/a')
    const answer = await reader.ask('/v1/products/a', { headers: { 'freshet-at-least': text } })
    expect([answer.status, await answer.json()]).toEqual([
      400,
      expect.objectContaining({ type: 'https://freshet.dev/problems/bad-position' }),
    ])
  },
)

const refusals: Record<AnsweredCode, readonly [number, string]> = {
  BEHIND: [503, 'reader-behind'],
  BAD_POSITION: [400, 'bad-position'],
  WRONG_SOURCE: [400, 'bad-position'],
  SOURCE_UNKNOWN: [503, 'source-unknown'],
  SOURCE_REFUSED: [503, 'source-refused'],
  UNKNOWN_COLLECTION: [404, 'unknown-collection'],
  COLLECTION_NOT_EXACT: [503, 'collection-not-exact'],
  BAD_ID: [400, 'bad-id'],
  UNAVAILABLE: [503, 'unavailable'],
  ANSWER_TOO_LARGE: [422, 'answer-too-large'],
  TOO_MANY_WAITERS: [503, 'overloaded'],
  STOPPED: [503, 'not-ready'],
}

test.each(Object.entries(refusals))(
  'a replica that fails with %s is answered as %j',
  async (code, [status, name]) => {
    await using reader = await openReader()
    reader.replica.failure = code as ReplicaErrorCode
    const answer = await reader.ask('/v1/products/a')
    expect([answer.status, await answer.json()]).toEqual([
      status,
      expect.objectContaining({ type: `https://freshet.dev/problems/${name}` }),
    ])
    expect(answer.headers.get('retry-after') !== null).toBe(status === 503 && code !== 'COLLECTION_NOT_EXACT')
  },
)

test('an answer says whether the reader is loading, or did not get the document from the database', async () => {
  await using reader = await openReader()
  reader.replica.failure = 'UNAVAILABLE'
  const detail = async (): Promise<unknown> => await (await reader.ask('/v1/products/a')).json()
  expect(await detail()).toMatchObject({ detail: expect.stringContaining('database did not answer') })
  reader.replica.state = { kind: 'loading' }
  expect(await detail()).toMatchObject({ detail: expect.stringContaining('has not read its log') })
})

test('a replica that may not serve is not answered from memory', async () => {
  await using reader = await openReader()
  reader.replica.put('products/a', '{"id":"a"}')
  reader.replica.hold('products/a')
  reader.replica.state = { kind: 'lost', reason: 'SOURCE_UNKNOWN' }
  reader.replica.failure = 'SOURCE_UNKNOWN'
  expect((await reader.ask('/v1/products/a')).status).toBe(503)
})
