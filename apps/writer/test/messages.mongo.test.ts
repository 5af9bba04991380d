import { afterAll, expect, test } from '@jest/globals'
import { conversationId } from '@freshet/messages'
import { openTestDatabase } from '@freshet/testkit'
import type { Document } from 'mongodb'
import { bearerOf, collections, openWriter } from './support/open-writer.ts'
import { POSITION, refusal, talkOf } from './support/talk.ts'

const db = await openTestDatabase({ collections, messages: true })
const writer = await openWriter(db.uriFor('writer'), { argv: ['--messages'] })
afterAll(async () => {
  await writer[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})
const stored = db.admin.db('shop_messages')
const messageIn = (id: unknown): Promise<Document | null> =>
  stored.collection<{ _id: string }>('messages').findOne({ _id: String(id) })
const ann = await talkOf(writer, 'ann')
const bob = await talkOf(writer, 'bob')

test('M1 a message is 201 with its place; the same clientId and body again is 200 with the first one', async () => {
  const first = await ann.say({ user: 'bob' }, { text: 'hi' }, 'm1')
  expect(first.status).toBe(201)
  expect(first.json).toEqual({
    id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
    clientId: 'm1',
    conv: conversationId(['ann', 'bob']),
    seq: 1,
    from: 'ann',
    to: { user: 'bob' },
    at: expect.stringMatching(/^\d{4}-.*Z$/),
    type: 'message',
    body: { text: 'hi' },
  })
  expect(first.headers.get('location')).toBe(`/v1/messages/${String(first.json['id'])}`)
  expect(first.headers.get('freshet-position')).toMatch(POSITION)

  const again = await ann.say({ user: 'bob' }, { text: 'hi' }, 'm1')
  expect([again.status, again.json]).toEqual([200, first.json])
  expect(again.headers.get('freshet-position')).toMatch(POSITION)
  expect(String(again.headers.get('freshet-position')) >= String(first.headers.get('freshet-position'))).toBe(
    true,
  )
  // White space between tokens does not make another message.
  const spaced = '{ "clientId": "m1", "to": {"user":"bob"}, "body": { "text" : "hi" } }'
  expect((await ann.send('POST', 'messages', spaced, { 'content-type': 'application/json' })).status).toBe(
    200,
  )

  for (const other of [
    await ann.say({ user: 'bob' }, { text: 'ho' }, 'm1'),
    await ann.say({ user: 'cy' }, { text: 'hi' }, 'm1'),
    await ann.edit(first.json['id'], { text: 'hi' }, 'm1'),
  ]) {
    expect(refusal(other)).toBe('422 client-id-reused')
    expect(other.headers.get('freshet-position')).toMatch(POSITION)
  }
  // A clientId belongs to its sender, and what was refused took no place.
  const answer = await bob.say({ user: 'ann' }, 'hello', 'm1')
  expect(answer.json).toMatchObject({ seq: 2, conv: first.json['conv'], from: 'bob' })
})

test('M1 what is stored is the message and nothing that a client did not send', async () => {
  const { json } = await ann.say({ users: ['bob', 'dan', 'bob'] }, { n: 1 })
  const { _id, digest, at, ...message } = (await messageIn(json['id'])) ?? {}
  expect(message).toEqual({
    conv: conversationId(['ann', 'bob', 'dan']),
    seq: 1,
    from: 'ann',
    to: { users: ['bob', 'dan'] },
    clientId: json['clientId'],
    type: 'message',
    body: '{"n":1}',
  })
  expect(at).toBeInstanceOf(Date)
  expect(digest).toMatch(/^[\w-]{43}$/)
  const conversation = await stored
    .collection<{ _id: string }>('conversations')
    .findOne({ _id: message['conv'] })
  expect(conversation).toEqual({
    _id: message['conv'],
    lastSeq: 1,
    version: 1,
    members: ['ann', 'bob', 'dan'],
  })
})

test('M4 an edit is a message of its own, and the original has the new body in the same transaction', async () => {
  const original = (await ann.say({ user: 'eve' }, { text: 'first draft' })).json
  const stream = stored.watch([], { fullDocument: 'default' })
  await stream.tryNext()
  const edited = await ann.edit(original['id'], { text: 'second draft' }, 'edit-1')
  expect(edited.status).toBe(200)
  expect(edited.json).toMatchObject({
    type: 'edited',
    ref: original['id'],
    seq: 2,
    body: { text: 'second draft' },
  })
  const events = [await stream.next(), await stream.next(), await stream.next()] as readonly Document[]
  await stream.close()
  expect(events.map(({ operationType, ns }) => `${operationType} ${ns.coll}`)).toEqual([
    'update conversations',
    'insert messages',
    'update messages',
  ])
  expect(new Set(events.map(({ clusterTime }) => String(clusterTime))).size).toBe(1)
  expect((await messageIn(original['id']))?.['body']).toBe('{"text":"second draft"}')

  // Again: the first answer. The text of the first edit is gone with the second one.
  expect((await ann.edit(original['id'], { text: 'second draft' }, 'edit-1')).json).toEqual(edited.json)
  expect(refusal(await ann.edit(original['id'], { text: 'other' }, 'edit-1'))).toBe('422 client-id-reused')
  const third = await ann.edit(original['id'], { text: 'third draft' })
  expect(third.json).toMatchObject({ seq: 3 })
  expect(await messageIn(edited.json['id'])).not.toHaveProperty('body')
  // A repetition of the message itself is still recognized.
  const { to, clientId } = original
  const repeated = await ann.say(to as object, { text: 'first draft' }, String(clientId))
  expect([repeated.status, repeated.json['id']]).toEqual([200, original['id']])
})

test('M4 after a deletion no text of the message or its edits is stored, and it can be repeated', async () => {
  const { id, clientId, to } = (await ann.say({ user: 'eve' }, 'secret one')).json
  await ann.edit(id, 'secret two', 'edit-x')
  await ann.edit(id, 'secret three')
  const deletion = await ann.erase(id)
  expect(deletion.status).toBe(200)
  expect(deletion.json).toMatchObject({ type: 'deleted', ref: id })
  expect(deletion.json).not.toHaveProperty('body')
  const all = await stored
    .collection('messages')
    .find({ $or: [{ _id: id as never }, { ref: id }] })
    .toArray()
  expect(all).toHaveLength(4)
  expect(JSON.stringify(all)).not.toMatch(/secret|digest/)

  expect((await ann.erase(id)).json).toEqual(deletion.json)
  expect(refusal(await ann.edit(id, 'more'))).toBe('409 message-deleted')
  // What was sent before is still answered, without its text.
  const first = await ann.say(to as object, 'secret one', String(clientId))
  expect([first.status, first.json['id'], first.json['body']]).toEqual([200, id, undefined])
  expect((await ann.edit(id, 'secret two', 'edit-x')).status).toBe(200)
})

test('M4 edits and deletions race, and the last one in order decides what is stored', async () => {
  const { id } = (await ann.say({ user: 'race' }, 0)).json
  const edits = Array.from({ length: 20 }, (_, n) => ann.edit(id, n + 1))
  const answers = await Promise.all(edits)
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
  const last = answers.map(({ json }) => json).toSorted((a, b) => Number(b['seq']) - Number(a['seq']))[0]
  expect((await messageIn(id))?.['body']).toBe(String(last?.['body']))
  const withText = await stored
    .collection('messages')
    .find({ ref: id, body: { $exists: true } })
    .toArray()
  expect(withText.map(({ _id }) => String(_id))).toEqual([last?.['id']])
})

test('M5 the sender is the token; only the sender edits and deletes, and nobody without a token does anything', async () => {
  const { id } = (await ann.say({ user: 'bob' }, 'mine')).json
  const forged = { to: { user: 'bob' }, body: 1, clientId: 'forged', from: 'bob' }
  expect(refusal(await ann.send('POST', 'messages', forged))).toBe('422 invalid-message')
  expect(refusal(await bob.edit(id, 'ours'))).toBe('403 forbidden')
  expect(refusal(await bob.erase(id))).toBe('403 forbidden')
  const gone = '00000000-0000-7000-8000-000000000000'
  expect(refusal(await ann.erase(gone))).toBe('404 unknown-message')
  expect(refusal(await ann.erase('x'))).toBe('400 bad-id')
  const edited = (await ann.edit(id, 'mine too')).json
  expect(refusal(await ann.edit(edited['id'], 'again'))).toBe('404 unknown-message')
  for (const [method, path] of [
    ['POST', 'messages'],
    ['PATCH', `messages/${String(id)}`],
    ['DELETE', `messages/${String(id)}`],
    ['PUT', 'groups/g'],
    ['PUT', 'groups/g/members/ann'],
    ['DELETE', 'groups/g/members/ann'],
    ['POST', 'acks'],
    ['POST', 'revocations'],
  ] as const)
    expect(refusal(await writer.send(method, path))).toBe('401 unauthenticated')
  const long = await talkOf(writer, 'x'.repeat(257))
  expect(refusal(await long.say({ user: 'ann' }, 1))).toBe('403 forbidden')
})

test('M6 ids with separators do not meet: each set of users and each group has a conversation of its own', async () => {
  const sets = [
    { user: 'a:b' },
    { users: ['a', 'b'] },
    { users: ['a', ':b'] },
    { user: 'ann:a' },
    { users: ['a,b'] },
    { user: '2:ab' },
    { users: ['2', 'ab'] },
  ]
  const answers = await Promise.all(sets.map((to) => ann.say(to, 1)))
  expect(answers.map(({ json }) => json['seq'])).toEqual(sets.map(() => 1))
  expect(new Set(answers.map(({ json }) => json['conv'])).size).toBe(sets.length)
  // A group cannot take the place of a direct conversation.
  expect(refusal(await ann.send('PUT', `groups/${String(answers[0]?.json['conv'])}`))).toBe('400 bad-id')
  expect(refusal(await ann.say({ group: answers[0]?.json['conv'] }, 1))).toBe('422 invalid-message')
})

test.each([
  ['no recipient', {}, '/to'],
  ['two kinds of recipients', { user: 'a', group: 'b' }, '/to'],
  ['no users', { users: [] }, '/to/users'],
  ['101 users', { users: Array.from({ length: 101 }, (_, n) => `u${n}`) }, '/to/users'],
  ['a user without a name', { users: ['a', ''] }, '/to/users/1'],
  ['a user with a line break', { user: 'a\nb' }, '/to/user'],
  ['a group with a slash', { group: 'a/b' }, '/to/group'],
  ['something else', 'bob', '/to'],
])('M9 a message to %s is refused with a pointer', async (_what, to, pointer) => {
  const got = await ann.say(to as object, 1)
  expect(got.json).toMatchObject({ status: 422, errors: [{ pointer, detail: expect.any(String) }] })
})

test('M9 limits: 100 users, 16 KiB of body as text, a clientId of 128 characters, one JSON value', async () => {
  const users = Array.from({ length: 100 }, (_, n) => `${n}-${'ü'.repeat(250)}`)
  expect((await ann.say({ users }, 'to many')).status).toBe(201)
  const text = (bytes: number): string => 'x'.repeat(bytes - 2)
  expect((await ann.say({ user: 'bob' }, text(16_384))).status).toBe(201)
  expect(refusal(await ann.say({ user: 'bob' }, text(16_385)))).toBe('413 payload-too-large')
  expect(refusal(await ann.say({ user: 'bob' }, 'é'.repeat(8_192)))).toBe('413 payload-too-large')
  expect(refusal(await ann.say({ user: 'bob' }, text(200_000)))).toBe('413 payload-too-large')
  expect(refusal(await ann.say({ user: 'bob' }, 1, 'x'.repeat(129)))).toBe('422 invalid-message')
  expect(refusal(await ann.send('POST', 'messages', { to: { user: 'bob' }, body: 1 }))).toBe(
    '422 invalid-message',
  )
  expect(refusal(await ann.send('POST', 'messages', { to: { user: 'bob' }, clientId: 'n' }))).toBe(
    '422 invalid-message',
  )
  expect((await ann.say({ user: 'bob' }, null)).json['body']).toBeNull()
  expect(refusal(await ann.send('POST', 'messages', 'x', { 'content-type': 'text/plain' }))).toBe(
    '415 unsupported-media-type',
  )
  const exact = '{"to":{"user":"bob"},"clientId":"exact","body":[1.0, 12345678901234567890, "\\u0041"]}'
  const got = await ann.send('POST', 'messages', exact)
  expect(got.text).toContain('"body":[1.0,12345678901234567890,"\\u0041"]')
  expect(refusal(await ann.send('DELETE', `messages/${String(got.json['id'])}`, { body: 1 }))).toBe(
    '400 malformed-body',
  )
})

test('M10 a key or a condition is refused, since it would have no effect; a lineage is checked as for documents', async () => {
  const { id } = (await ann.say({ user: 'bob' }, 1)).json
  for (const headers of [{ 'idempotency-key': 'k' }, { 'if-match': '*' }, { 'if-none-match': '*' }])
    for (const [method, path] of [
      ['POST', 'messages'],
      ['DELETE', `messages/${String(id)}`],
      ['PUT', 'groups/m10'],
      ['PUT', 'groups/m10/members/ann'],
      ['POST', 'acks'],
    ] as const)
      expect(refusal(await ann.send(method, path, undefined, headers as never))).toBe('400 bad-header')

  const cause = (writes: string) => ({
    'freshet-hops': '1',
    'freshet-cause': `shop/welcome;heard="products/1";writes="${writes}"`,
  })
  const message = { to: { user: 'bob' }, body: 1, clientId: 'caused' }
  expect(refusal(await ann.send('POST', 'messages', message, cause('messages')))).toBe('403 forbidden')
  const authorization = await bearerOf('robot', ['shop'])
  const asRobot = (headers: object) =>
    writer.send('POST', 'messages', { headers: { authorization, ...headers }, body: message })
  expect((await asRobot(cause('messages'))).status).toBe(201)
  expect(refusal(await asRobot(cause('products')))).toBe('508 write-loop')
  expect(refusal(await asRobot({}))).toBe('403 forbidden')
  expect(refusal(await asRobot({ 'freshet-cause': 'nonsense' }))).toBe('400 bad-header')
})
