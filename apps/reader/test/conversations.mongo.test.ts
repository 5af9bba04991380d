import { afterAll, expect, test } from '@jest/globals'
import { Timestamp } from '@freshet/guard'
import { messagesDatabase } from '@freshet/mongodb-rules'
import { highOf, lowOf, parseSourcePosition } from '@freshet/protocol'
import { eventually, openTestDatabase } from '@freshet/testkit'
import { startReader } from './support/real-reader.ts'
import { Talk } from './support/talk.ts'
import {
  asking,
  jsonOf,
  now,
  seqsOf,
  untilServing,
  type Ask,
  type TalkAnswer,
} from './support/talk-reader.ts'

const db = await openTestDatabase({ messages: true })
const reader = await startReader(db.uriFor('reader'), ['--messages'])
afterAll(async () => {
  await reader[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})
const talk = new Talk(db)
const ann = await asking(reader, 'ann')
await untilServing(ann)

test('H11 the list has the conversations of the caller, with what is unread', async () => {
  await talk.createGroup('team', 'bob', 'eve')
  await talk.send('bob', { group: 'team' })
  await talk.send('bob', { group: 'team' })
  await talk.member('team', 'ann', true)
  for (let n = 0; n < 3; n++) await talk.send('bob', { group: 'team' })
  const { conv } = await talk.send('ann', { user: 'bob' })
  await talk.ack(conv, 'ann', 1)
  await talk.createGroup('empty', 'ann')
  await talk.createGroup('others', 'bob')
  const listed = async (ask: Ask) => (await jsonOf(ask('/conversations', now))).conversations
  const direct = { conv, members: ['ann', 'bob'], lastSeq: 1, read: 1, unread: 0 }
  // What was sent before somebody joined is not unread.
  const team = { conv: 'team', group: true, lastSeq: 5, read: 2, unread: 3 }
  const empty = { conv: 'empty', group: true, lastSeq: 0, read: 0, unread: 0 }
  const byId = (list: readonly { conv: string }[]) => list.toSorted((a, b) => (a.conv < b.conv ? -1 : 1))
  expect(await listed(ann)).toEqual(byId([direct, empty, team]))
  await talk.ack('team', 'ann', 4)
  expect(await listed(ann)).toEqual(byId([direct, empty, { ...team, read: 4, unread: 1 }]))
  await talk.member('team', 'ann', false)
  await talk.send('bob', { group: 'team' })
  const left = { ...team, read: 4, unread: 1, left: true }
  expect(await listed(ann)).toEqual(byId([direct, empty, left]))
  // Whoever was away counts only what they may see.
  await talk.member('team', 'ann', true)
  await talk.send('bob', { group: 'team' })
  expect(await listed(ann)).toEqual(byId([direct, empty, { ...team, lastSeq: 7, read: 4, unread: 2 }]))
})

test('H11 the cursor goes through all conversations of all kinds, each once, in pages of any size', async () => {
  const groups = Array.from({ length: 7 }, (_, n) => `page-${n}`)
  for (const group of groups) await talk.createGroup(group, 'pat')
  const directs: string[] = []
  for (const user of ['a', 'b', 'c', 'd', 'e']) directs.push((await talk.send('pat', { user })).conv)
  for (const group of ['zz-token', 'aa-token', '00-token']) await talk.createGroup(group, 'bob')
  const pat = await asking(reader, 'pat', ['zz-token', 'page-3', 'missing', 'aa-token', '00-token', 'a b'])
  const all = [...groups, ...directs, 'zz-token', 'aa-token', '00-token'].toSorted()
  for (const limit of [1, 2, 5, 14, 15, 16]) {
    const seen: string[] = []
    let next: string | undefined
    let pages = 0
    do {
      const cursor = next === undefined ? '' : `&cursor=${next}`
      const page: TalkAnswer = await jsonOf(pat(`/conversations?limit=${limit}${cursor}`, now))
      expect(page.conversations.length).toBeLessThanOrEqual(limit)
      seen.push(...page.conversations.map(({ conv }) => conv))
      next = page.next
    } while (next !== undefined && ++pages < 50)
    expect([limit, seen]).toEqual([limit, all])
  }
})

test('H12 pages in both directions have no hole and no duplicate while messages are written', async () => {
  const total = 120
  await talk.createGroup('busy', 'ann')
  for (let n = 0; n < 40; n++) await talk.send('ann', { group: 'busy' })
  let written = 40
  const write = async (): Promise<void> => {
    for (; written < total; written++) await talk.send('ann', { group: 'busy' })
  }
  const forward = async (): Promise<readonly number[]> => {
    const seen: number[] = []
    while (seen.length < total) {
      const path = `/conversations/busy/messages?limit=7&after=${seen.at(-1) ?? 0}`
      seen.push(...seqsOf(await jsonOf(ann(path))))
    }
    return seen
  }
  const backward = async (): Promise<readonly number[]> => {
    let page = await jsonOf(ann('/conversations/busy/messages?limit=7', now))
    const seen = [...seqsOf(page)]
    while (page.more) {
      page = await jsonOf(ann(`/conversations/busy/messages?limit=7&before=${seen[0]}`))
      seen.unshift(...seqsOf(page))
    }
    return seen
  }
  const both = [forward(), backward(), backward(), backward()]
  await write()
  for (const seen of await Promise.all(both)) {
    expect(seen.length).toBeGreaterThanOrEqual(40)
    expect(seen).toEqual(Array.from({ length: seen.length }, (_, at) => at + 1))
  }
})

test('H13 an answer can be audited: the database had exactly this at its position', async () => {
  await talk.createGroup('audit', 'ann')
  const progress = { writing: true }
  const answers: { readonly position: string; readonly shown: unknown }[] = []
  const write = async (): Promise<void> => {
    const sent = await talk.send('ann', { group: 'audit' }, '"first"')
    const positions = (): number => new Set(answers.map(({ position }) => position)).size
    for (let n = 0; n < 30 || (positions() <= 3 && n < 1_000); n++) {
      await talk.send('ann', { group: 'audit' }, JSON.stringify(`message ${n}`))
      if (n % 3 === 0) await talk.change(sent, JSON.stringify(`edit ${n}`))
    }
    progress.writing = false
  }
  const read = async (): Promise<void> => {
    while (progress.writing) {
      const headers = answers.length === 0 ? now : {}
      const answer = await ann('/conversations/audit/messages?after=0&limit=300', headers)
      const position = answer.headers.get('freshet-position') ?? ''
      const { messages } = await jsonOf(Promise.resolve(answer))
      answers.push({ position, shown: messages.map(({ seq, body }) => [seq, body]) })
    }
  }
  await Promise.all([write(), read()])
  for (const { position, shown } of answers) {
    const at = parseSourcePosition(position)?.at
    if (at === undefined) throw new Error(`expected a position, got ${position}`)
    const reply = await db.admin.db(messagesDatabase('shop')).command({
      find: 'messages',
      filter: { conv: 'audit' },
      sort: { seq: 1 },
      batchSize: 1_000,
      readConcern: { level: 'snapshot', atClusterTime: new Timestamp({ t: highOf(at), i: lowOf(at) }) },
    })
    const stored = reply['cursor'].firstBatch.map(({ seq, body }: { seq: number; body?: string }) => [
      seq,
      body === undefined ? undefined : JSON.parse(body),
    ])
    expect(shown).toEqual(stored)
  }
  expect(new Set(answers.map(({ position }) => position)).size).toBeGreaterThan(3)
})

test('H14 a request waits for the position it names, and 503 tells that it has not come', async () => {
  const position = (await ann('/conversations')).headers.get('freshet-position') ?? ''
  const known = parseSourcePosition(position)
  if (known === undefined) throw new Error('expected a position')
  const ahead = `${known.source}.${(highOf(known.at) + 50).toString(16).padStart(8, '0')}00000001`
  const answer = await ann('/conversations', { 'freshet-at-least': ahead, prefer: 'wait=0' })
  expect(await answer.json()).toMatchObject({
    status: 503,
    type: 'https://freshet.dev/problems/reader-behind',
  })
  const foreign = await ann('/conversations', {
    'freshet-at-least': position.replace(/^./, (c) => (c === '0' ? '1' : '0')),
  })
  expect([400, 503]).toContain(foreign.status)
  const malformed = await ann('/conversations', { 'freshet-at-least': 'soon' })
  expect(malformed.status).toBe(400)
  await talk.createGroup('fresh', 'ann')
  await eventually(async () => {
    const { conversations } = await jsonOf(ann('/conversations?cursor=fresg&limit=1'))
    expect(conversations[0]?.conv).toBe('fresh')
  })
})
