import { afterAll, expect, test } from '@jest/globals'
import { conversationId } from '@freshet/messages'
import { openTestDatabase } from '@freshet/testkit'
import { startReader } from './support/real-reader.ts'
import { Talk } from './support/talk.ts'
import { asking, jsonOf, now, seqsOf, untilServing } from './support/talk-reader.ts'

const db = await openTestDatabase({ messages: true })
const reader = await startReader(db.uriFor('reader'), ['--messages'])
afterAll(async () => {
  await reader[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})
const talk = new Talk(db)
const ann = await asking(reader, 'ann')
const bob = await asking(reader, 'bob')
const eve = await asking(reader, 'eve')
await untilServing(ann)

const problem = (name: string): object => ({ type: `https://freshet.dev/problems/${name}` })
let groups = 0
async function newGroup(...users: readonly string[]): Promise<string> {
  const group = `group-${++groups}`
  await talk.createGroup(group, ...users)
  return group
}

test('H1 a member gets messages in order of seq, with their bodies exactly as they were stored', async () => {
  const group = await newGroup('ann', 'bob')
  const body = '{"b":1.50,"a":"\\u00e9 é 😀","n":12345678901234567890, "a":null}'
  const sent = [await talk.send('ann', { group }, body), await talk.send('bob', { group }, '"x"')]
  const answer = await bob(`/conversations/${group}/messages?after=0`, now)
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json'])
  const text = await answer.text()
  expect(text).toContain(`"body":${body}}`)
  const { conv, messages, more } = JSON.parse(text)
  expect([conv, more]).toEqual([group, false])
  expect(messages).toEqual(
    sent.map(({ id, seq, from, type, body: stored }) => ({
      id,
      clientId: `client-${id}`,
      conv: group,
      seq,
      from,
      to: { group },
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      type,
      body: JSON.parse(stored ?? ''),
    })),
  )
})

test('H2 pages go forward with after, backward with before, and start with the latest messages', async () => {
  const group = await newGroup('ann')
  for (let n = 0; n < 7; n++) await talk.send('ann', { group })
  const page = (query: string) => jsonOf(ann(`/conversations/${group}/messages${query}`, now))
  const pageOf = async (query: string) => {
    const answer = await page(query)
    return [seqsOf(answer), answer.more]
  }
  expect(await pageOf('')).toEqual([[1, 2, 3, 4, 5, 6, 7], false])
  expect(await pageOf('?limit=3')).toEqual([[5, 6, 7], true])
  expect(await pageOf('?before=5&limit=3')).toEqual([[2, 3, 4], true])
  expect(await pageOf('?before=2&limit=3')).toEqual([[1], false])
  expect(await pageOf('?before=0')).toEqual([[], false])
  expect(await pageOf('?after=0&limit=3')).toEqual([[1, 2, 3], true])
  expect(await pageOf('?after=4&limit=3')).toEqual([[5, 6, 7], false])
  expect(await pageOf('?after=7')).toEqual([[], false])
  expect(await pageOf('?after=9007199254740991')).toEqual([[], false])
})

test('H3 whoever is no member gets 404, whether the conversation exists or not', async () => {
  const group = await newGroup('ann')
  await talk.send('ann', { group })
  const { conv } = await talk.send('ann', { user: 'bob' })
  await talk.member(group, 'bob', true)
  await talk.member(group, 'bob', false)
  const paths = [`/conversations/${group}/messages`, `/conversations/${conv}/messages`]
  const answers = await Promise.all([
    ...paths.map((path) => eve(path, now)),
    eve('/conversations/nothing-here/messages', now),
    // Joined and left again without a message in between.
    bob(`/conversations/${group}/messages`, now),
  ])
  const texts = await Promise.all(answers.map((answer) => answer.text()))
  expect(JSON.parse(texts[0] ?? '')).toMatchObject({ status: 404, ...problem('unknown-conversation') })
  expect(new Set(texts)).toEqual(new Set([texts[0]]))
  for (const { headers } of answers) expect(headers.get('freshet-position')).toMatch(/^[0-9a-f]{8}\./)
  const anonymous = await fetch(`${reader.url}/v1${paths[0]}`)
  expect(await anonymous.json()).toMatchObject({ status: 401, ...problem('unauthenticated') })
})

test('H4 a member sees what was sent while a member, also after leaving and coming back', async () => {
  const group = await newGroup('ann')
  const send = () => talk.send('ann', { group })
  await send()
  await talk.member(group, 'bob', true)
  await send()
  await send()
  await talk.member(group, 'bob', false)
  await send()
  const seen = async (query = '') => {
    const answer = await jsonOf(bob(`/conversations/${group}/messages${query}`, now))
    return [seqsOf(answer), answer.more]
  }
  expect(await seen()).toEqual([[2, 3], false])
  await talk.member(group, 'bob', true)
  await send()
  expect(await seen()).toEqual([[2, 3, 5], false])
  expect(await seen('?after=2&limit=1')).toEqual([[3], true])
  expect(await seen('?after=3&limit=1')).toEqual([[5], false])
  expect(await seen('?before=5&limit=1')).toEqual([[3], true])
})

test('H5 the groups of a token are memberships of the whole group, and of nothing that is not a group', async () => {
  const group = await newGroup('ann')
  await talk.send('ann', { group })
  await talk.send('ann', { group })
  const { conv } = await talk.send('ann', { user: 'bob' })
  const guest = await asking(reader, 'guest', [group, conv, 'no-such-group'])
  expect(seqsOf(await jsonOf(guest(`/conversations/${group}/messages`, now)))).toEqual([1, 2])
  expect((await guest(`/conversations/${conv}/messages`, now)).status).toBe(404)
  expect((await guest('/conversations/no-such-group/messages', now)).status).toBe(404)
  expect((await jsonOf(guest('/conversations', now))).conversations).toEqual([
    { conv: group, group: true, lastSeq: 2, read: 0, unread: 2 },
  ])
})

test('H6 the original of an edit has the new text, that of a deletion none, and old text is nowhere', async () => {
  const group = await newGroup('ann', 'bob')
  const first = await talk.send('ann', { group }, '"old one"')
  const second = await talk.send('ann', { group }, '"old two"')
  await talk.change(first, '"edit one"')
  await talk.change(first, '"edit two"')
  await talk.change(second, undefined)
  const answer = await bob(`/conversations/${group}/messages`, now)
  const text = await answer.text()
  expect(text).not.toMatch(/old|edit one/)
  const { messages } = JSON.parse(text)
  expect(messages.map(({ type, ref, body }: Record<string, unknown>) => [type, ref, body])).toEqual([
    ['message', undefined, 'edit two'],
    ['message', undefined, undefined],
    ['edited', first.id, undefined],
    ['edited', first.id, 'edit two'],
    ['deleted', second.id, undefined],
  ])
})

test('H6 whoever left before an edit sees neither text, and whoever missed it in between neither', async () => {
  const group = await newGroup('ann', 'bob', 'eve')
  const edited = await talk.send('ann', { group }, '"old"')
  const kept = await talk.send('ann', { group }, '"kept"')
  await talk.member(group, 'bob', false)
  await talk.member(group, 'eve', false)
  await talk.change(edited, '"new"')
  await talk.member(group, 'eve', true)
  const bodies = async (ask: typeof bob) =>
    (await jsonOf(ask(`/conversations/${group}/messages`, now))).messages.map(({ body }) => body)
  expect(await bodies(bob)).toEqual([undefined, 'kept'])
  expect(await bodies(eve)).toEqual([undefined, 'kept'])
  await talk.change(kept, '"seen"')
  expect(await bodies(eve)).toEqual([undefined, 'seen', 'seen'])
  expect(await bodies(bob)).toEqual([undefined, undefined])
})

test('H7 a direct conversation belongs to its members', async () => {
  const users = ['bob', 'carl']
  const { conv } = await talk.send('ann', { users }, '"three"')
  expect(conv).toBe(conversationId(['ann', 'bob', 'carl']))
  const carl = await asking(reader, 'carl')
  for (const ask of [ann, bob, carl])
    expect(seqsOf(await jsonOf(ask(`/conversations/${conv}/messages`, now)))).toEqual([1])
  expect((await eve(`/conversations/${conv}/messages`, now)).status).toBe(404)
})

test('H8 conditional requests, HEAD and OPTIONS work as with documents', async () => {
  const group = await newGroup('ann')
  await talk.send('ann', { group })
  const path = `/conversations/${group}/messages?after=0&limit=1`
  const first = await ann(path, now)
  const etag = first.headers.get('etag') ?? ''
  const length = (await first.arrayBuffer()).byteLength
  expect(etag).toMatch(/^"[\w-]{22}"$/)
  expect(first.headers.get('cache-control')).toBe('no-cache')
  expect(first.headers.get('cache-status')).toMatch(/^freshet; fwd=miss/)
  const known = await ann(path, { ...now, 'if-none-match': etag })
  expect([known.status, await known.text(), known.headers.get('etag')]).toEqual([304, '', etag])
  expect(known.headers.get('freshet-position')).toMatch(/^[0-9a-f]{8}\.[0-9a-f]{16}$/)
  const head = await ann(path, now, 'HEAD')
  expect([head.status, head.headers.get('content-length'), head.headers.get('etag')]).toEqual([
    200,
    String(length),
    etag,
  ])
  const other = await ann(path, { 'if-match': '"another"' })
  expect(await other.json()).toMatchObject({ status: 412, ...problem('precondition-failed') })
  // Later messages do not change a full page of earlier ones twice.
  await talk.send('ann', { group })
  const more = await ann(path, { ...now, 'if-none-match': etag })
  expect([more.status, (await jsonOf(Promise.resolve(more))).more]).toEqual([200, true])
  await talk.send('ann', { group })
  const again = await ann(path, { ...now, 'if-none-match': more.headers.get('etag') ?? '' })
  expect(again.status).toBe(304)
  const options = await ann(path, {}, 'OPTIONS')
  expect([options.status, options.headers.get('allow')]).toEqual([204, 'GET, HEAD, OPTIONS'])
  expect(await (await ann(path, {}, 'POST')).json()).toMatchObject(problem('method-not-allowed'))
})

test.each([
  ['/conversations/x/messages?after=1&before=2', 'bad-query', 'Expected after or before, not both.'],
  ['/conversations/x/messages?after=-1', 'bad-query', 'Expected a seq in after: an integer from 0.'],
  ['/conversations/x/messages?before=1.5', 'bad-query', 'Expected a seq in before: an integer from 0.'],
  ['/conversations/x/messages?before=9007199254740992', 'bad-query', 'Expected a seq in before: an integer'],
  ['/conversations/x/messages?after=', 'bad-query', 'Expected a seq in after: an integer from 0.'],
  ['/conversations/x/messages?limit=0', 'bad-query', 'Expected a limit of 1 to 300.'],
  ['/conversations/x/messages?limit=301', 'bad-query', 'Expected a limit of 1 to 300.'],
  ['/conversations?limit=x', 'bad-query', 'Expected a limit of 1 to 300.'],
  ['/conversations?cursor=', 'bad-query', 'Expected a cursor that is the "next" of an earlier answer.'],
  ['/conversations?after=1', 'bad-query', 'Expected limit, cursor; got "after".'],
  ['/conversations/x/messages?offset=1', 'bad-query', 'Expected after, before, limit; got "offset".'],
  ['/conversations/x%20y/messages', 'bad-id', 'Expected the id of a conversation'],
])('H9 %s is refused with the reason', async (path, name, detail) => {
  const answer = await ann(path)
  expect(answer.status).toBe(400)
  expect(await answer.json()).toMatchObject({ ...problem(name), detail: expect.stringContaining(detail) })
})
