import { afterAll, expect, test } from '@jest/globals'
import { conversationId, MAX_INTERVALS, membershipId, revocationId } from '@freshet/messages'
import { openTestDatabase } from '@freshet/testkit'
import { collections, openWriter } from './support/open-writer.ts'
import { POSITION, refusal, talkOf } from './support/talk.ts'

const db = await openTestDatabase({ collections, messages: true })
const writer = await openWriter(db.uriFor('writer'), { argv: ['--messages'] })
afterAll(async () => {
  await writer[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})
const stored = db.admin.db('shop_messages')
const of = (name: string) => stored.collection<{ _id: string; [field: string]: unknown }>(name)
const ann = await talkOf(writer, 'ann')
const bob = await talkOf(writer, 'bob')
const chief = await talkOf(writer, 'chief', ['messages-admin'])

test('M5 a group belongs to who made it, and only its owner, an administrator, or the member changes its members', async () => {
  const made = await ann.send('PUT', 'groups/team:1')
  expect([made.status, made.json]).toEqual([201, { group: 'team:1', owner: 'ann' }])
  expect(made.headers.get('location')).toBe('/v1/groups/team%3A1')
  expect((await ann.send('PUT', 'groups/team:1')).status).toBe(200)
  expect(refusal(await bob.send('PUT', 'groups/team:1'))).toBe('403 forbidden')
  expect(refusal(await bob.send('PUT', 'groups/team:1/members/bob'))).toBe('403 forbidden')

  const joined = await ann.send('PUT', 'groups/team:1/members/bob')
  expect([joined.status, joined.json]).toEqual([
    201,
    { group: 'team:1', user: 'bob', intervals: [{ from: 1 }] },
  ])
  expect((await ann.send('PUT', 'groups/team:1/members/bob')).status).toBe(200)
  expect(refusal(await bob.send('DELETE', 'groups/team:1/members/ann'))).toBe('403 forbidden')
  expect((await chief.send('PUT', 'groups/team:1/members/cy')).status).toBe(201)
  const odd = await chief.send('PUT', `groups/team:1/members/${encodeURIComponent('auth0|5/ü')}`)
  expect(odd.json).toMatchObject({ user: 'auth0|5/ü' })
  expect(odd.headers.get('location')).toBe(`/v1/groups/team%3A1/members/${encodeURIComponent('auth0|5/ü')}`)
  expect(refusal(await chief.send('PUT', 'groups/team:1/members/%0a'))).toBe('400 bad-id')

  const gone = await bob.send('DELETE', 'groups/team:1/members/bob')
  expect([gone.status, gone.text]).toEqual([204, ''])
  expect(gone.headers.get('freshet-position')).toMatch(POSITION)
  expect((await bob.send('DELETE', 'groups/team:1/members/bob')).status).toBe(204)
  expect(refusal(await ann.send('PUT', 'groups/none/members/bob'))).toBe('404 unknown-group')
  expect(refusal(await bob.send('DELETE', 'groups/none/members/bob'))).toBe('404 unknown-group')
})

test('M5 only members send to a group and edit there; whoever left may still delete', async () => {
  await ann.send('PUT', 'groups/talk')
  await ann.send('PUT', 'groups/talk/members/bob')
  const said = await bob.say({ group: 'talk' }, 'here', 'b1')
  expect(said.json).toMatchObject({ conv: 'talk', seq: 1, to: { group: 'talk' } })
  const refused = await (await talkOf(writer, 'mallory')).say({ group: 'talk' }, 'me too')
  expect(refusal(refused)).toBe('403 not-a-member')
  expect(refused.headers.get('freshet-position')).toMatch(POSITION)
  expect(refusal(await ann.say({ group: 'nowhere' }, 1))).toBe('404 unknown-group')
  // The role manages groups; it does not speak in them.
  expect(refusal(await chief.say({ group: 'talk' }, 1))).toBe('403 not-a-member')

  await bob.send('DELETE', 'groups/talk/members/bob')
  expect(refusal(await bob.say({ group: 'talk' }, 'still here'))).toBe('403 not-a-member')
  expect(refusal(await bob.edit(said.json['id'], 'changed'))).toBe('403 not-a-member')
  // A repetition of what was sent before is answered: its outcome may have been unknown.
  expect((await bob.say({ group: 'talk' }, 'here', 'b1')).json).toEqual(said.json)
  expect(refusal(await bob.say({ group: 'talk' }, 'other', 'b1'))).toBe('422 client-id-reused')
  expect((await bob.erase(said.json['id'])).json).toMatchObject({ type: 'deleted', seq: 2 })
})

test('M3 a membership is one whole document, and its intervals say what the member may see', async () => {
  await ann.send('PUT', 'groups/parts')
  const say = (n: number) => ann.say({ group: 'parts' }, n)
  const change = (method: string) => ann.send(method, 'groups/parts/members/bob')
  await say(1)
  await change('PUT')
  await say(2)
  await say(3)
  await change('DELETE')
  // Nothing was missed, so this is the same stay; and one without a message leaves no trace.
  await change('PUT')
  await change('DELETE')
  await say(4)
  await change('PUT')
  await change('DELETE')
  await say(5)
  await change('PUT')
  expect(await of('memberships').findOne({ group: 'parts', user: 'bob' })).toEqual({
    _id: membershipId('parts', 'bob'),
    group: 'parts',
    user: 'bob',
    intervals: [{ from: 2, to: 3 }, { from: 6 }],
  })
  expect(await of('conversations').findOne({ _id: 'parts' })).toMatchObject({
    lastSeq: 5,
    group: true,
    owner: 'ann',
  })
})

test('M3 a membership has a limited number of intervals', async () => {
  await ann.send('PUT', 'groups/full')
  await ann.send('PUT', 'groups/full/members/bob')
  const intervals = Array.from({ length: MAX_INTERVALS }, (_, n) => ({ from: 3 * n + 1, to: 3 * n + 1 }))
  await of('conversations').updateOne({ _id: 'full' }, { $set: { lastSeq: 3 * MAX_INTERVALS } })
  await of('memberships').updateOne({ _id: membershipId('full', 'bob') }, { $set: { intervals } })
  expect(refusal(await ann.send('PUT', 'groups/full/members/bob'))).toBe('409 membership-full')
})

test('M7 cursors only move forward, within what the reader may see, and no change is no write', async () => {
  await ann.say({ user: 'dan' }, 1)
  await ann.say({ user: 'dan' }, 2)
  const conv = conversationId(['ann', 'dan'])
  await ann.send('PUT', 'groups/acks')
  for (const n of [1, 2, 3]) await ann.say({ group: 'acks' }, n)
  const dan = await talkOf(writer, 'dan')
  const ack = (...acks: readonly object[]) => dan.send('POST', 'acks', acks)

  const first = await ack({ conv, delivered: 2, read: 1 })
  expect([first.status, first.json]).toEqual([200, [{ conv, user: 'dan', delivered: 2, read: 1 }]])
  expect(first.headers.get('freshet-position')).toMatch(POSITION)
  const stream = stored.watch()
  await stream.tryNext()
  expect((await ack({ conv, delivered: 1, read: 0 })).json).toEqual(first.json)
  // Reading implies delivery.
  expect((await ack({ conv, read: 2 })).json).toEqual([{ conv, user: 'dan', delivered: 2, read: 2 }])
  const { ns, fullDocument } = (await stream.next()) as { ns: object; fullDocument?: object } & object
  await stream.close()
  expect(ns).toEqual({ db: 'shop_messages', coll: 'cursors' })
  expect(fullDocument).toMatchObject({ conv, user: 'dan', delivered: 2, read: 2 })

  const beyond = await ack({ conv, read: 3 })
  expect(beyond.json).toMatchObject({ status: 422, errors: [{ pointer: '/0/read' }] })
  for (const other of ['acks', 'nowhere', conversationId(['ann', 'eve'])])
    expect((await ack({ conv, read: 2 }, { conv: other, read: 1 })).json).toMatchObject({
      status: 404,
      errors: [{ pointer: '/1/conv' }],
    })
  // Members see what was sent while they were; the rest is not theirs to acknowledge.
  await ann.send('PUT', 'groups/acks/members/dan')
  expect(refusal(await ack({ conv: 'acks', read: 1 }))).toBe('422 invalid-message')
  await ann.say({ group: 'acks' }, 4)
  await ann.send('DELETE', 'groups/acks/members/dan')
  await ann.say({ group: 'acks' }, 5)
  expect((await ack({ conv, read: 1 }, { conv: 'acks', read: 4 })).json).toMatchObject([
    { read: 2 },
    { read: 4 },
  ])
  expect(refusal(await ack({ conv: 'acks', read: 5 }))).toBe('422 invalid-message')
})

test('M7 who is a member by the token acknowledges the whole group, and never a direct conversation', async () => {
  await ann.send('PUT', 'groups/claimed')
  for (const n of [1, 2]) await ann.say({ group: 'claimed' }, n)
  await ann.say({ user: 'eve' }, 1)
  const direct = conversationId(['ann', 'eve'])
  const fay = await talkOf(writer, 'fay', [], ['claimed', 'nowhere', direct])
  const ack = (conv: string, read: number) => fay.send('POST', 'acks', [{ conv, read }])
  expect((await ack('claimed', 2)).json).toEqual([{ conv: 'claimed', user: 'fay', delivered: 2, read: 2 }])
  expect(refusal(await ack('claimed', 3))).toBe('422 invalid-message')
  for (const other of ['nowhere', direct])
    expect(refusal(await ack(other, 1))).toBe('404 unknown-conversation')
  // It does not permit sending.
  expect(refusal(await fay.say({ group: 'claimed' }, 3))).toBe('403 not-a-member')
})

test('M12 a path that only readers have says so', async () => {
  const { status, json } = await ann.send('GET', 'conversations')
  expect([status, json['detail']]).toEqual([404, 'Only readers have /v1/conversations.'])
})

test.each([
  ['no list', {}],
  ['an empty list', []],
  ['101 entries', Array.from({ length: 101 }, (_, n) => ({ conv: `c${n}`, read: 1 }))],
  [
    'a conversation twice',
    [
      { conv: 'c', read: 1 },
      { conv: 'c', read: 2 },
    ],
  ],
  ['nothing to acknowledge', [{ conv: 'c' }]],
  ['half a message', [{ conv: 'c', read: 1.5 }]],
  ['a negative seq', [{ conv: 'c', read: -1 }]],
  ['another field', [{ conv: 'c', read: 1, user: 'bob' }]],
])('M7 %s is no acknowledgement', async (_what, body) => {
  expect(refusal(await ann.send('POST', 'acks', body))).toBe('422 invalid-message')
})

test('M8 tokens are revoked by the role only, forward only, and not in the future', async () => {
  const now = Math.floor(Date.now() / 1_000)
  expect(refusal(await ann.send('POST', 'revocations', { sub: 'bob', notBefore: now }))).toBe('403 forbidden')
  const revoke = (notBefore: unknown) => chief.send('POST', 'revocations', { sub: 'bob', notBefore })
  expect((await revoke(now)).json).toEqual({ sub: 'bob', notBefore: now })
  expect((await revoke(now - 10)).json).toEqual({ sub: 'bob', notBefore: now })
  // Any name of a user: an id of a document may not contain every character.
  const _id = revocationId('bob')
  expect(await of('revocations').findOne({ _id })).toEqual({ _id, sub: 'bob', notBefore: now })
  // Milliseconds instead of seconds would lock the user out for good.
  for (const wrong of [Date.now(), now + 3_600, -1, 1.5, '0', null])
    expect(refusal(await revoke(wrong))).toBe('422 invalid-message')
})
