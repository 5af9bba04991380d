import { expect, test } from '@jest/globals'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually, openTestDatabase } from '@freshet/testkit'
import type { RunningService } from '@freshet/service'
import { bearer } from './support/open-reader.ts'
import { startReader } from './support/real-reader.ts'
import { Talk } from './support/talk.ts'
import { asking, jsonOf, now, seqsOf, untilServing, type TalkAnswer } from './support/talk-reader.ts'

const problem = (name: string): object => ({ type: `https://freshet.dev/problems/${name}` })

test('H15 an answer has at most 300 messages and 512 KiB of them, and paging goes on behind it', async () => {
  await using db = await openTestDatabase({ messages: true })
  await using reader = await startReader(db.uriFor('reader'), ['--messages'])
  const ann = await asking(reader, 'ann')
  await untilServing(ann)
  const talk = new Talk(db)
  await talk.createGroup('large', 'ann')
  const body = JSON.stringify('é'.repeat(8_000))
  for (let n = 0; n < 80; n++) await talk.send('ann', { group: 'large' }, body)
  // Not the writer's: neither text that is not JSON nor a document of any size may stop others from being read.
  await talk.send('ann', { group: 'large' }, 'no JSON')
  await talk.collection('messages').insertOne({
    _id: 'huge',
    conv: 'large',
    seq: 82,
    body: JSON.stringify('x'.repeat(2 ** 20)),
  })
  await talk.collection('messages').insertOne({ _id: 'other', conv: 'large', seq: 83 })
  await talk.collection('conversations').updateOne({ _id: 'large' }, { $set: { lastSeq: 83 } })
  const page = async (query: string): Promise<readonly [TalkAnswer, number]> => {
    const answer = await ann(`/conversations/large/messages?limit=300&${query}`, now)
    const text = await answer.text()
    return [JSON.parse(text) as TalkAnswer, text.length]
  }
  const forward: number[] = []
  for (let after = 0, more = true; more;) {
    const [answer, bytes] = await page(`after=${after}`)
    expect(bytes).toBeLessThan(600 * 1024)
    forward.push(...seqsOf(answer))
    more = answer.more
    after = forward.at(-1) ?? 0
  }
  const all = Array.from({ length: 80 }, (_, at) => at + 1)
  expect(forward).toEqual(all)
  const backward: number[] = []
  for (let before = 81, more = true; more;) {
    const [answer] = await page(`before=${before}`)
    backward.unshift(...seqsOf(answer))
    more = answer.more
    before = backward[0] ?? 0
  }
  expect(backward).toEqual(all)
  const many = Array.from({ length: 310 }, (_, n) => n + 1)
  await talk.collection('conversations').insertOne({ _id: 'many', lastSeq: 310, version: 1, group: true })
  await talk.member('many', 'ann', true)
  await talk.collection('messages').insertMany(
    many.map((seq) => ({
      _id: `many-${seq}`,
      conv: 'many',
      seq,
      from: 'ann',
      to: { group: 'many' },
      at: new Date(),
      type: 'message',
      body: '1',
      clientId: `many-${seq}`,
    })),
  )
  const most = await jsonOf(ann('/conversations/many/messages?limit=300', now))
  expect([seqsOf(most), most.more]).toEqual([many.slice(-300), true])
})

async function messagesInFlight(reader: RunningService): Promise<readonly (number | undefined)[]> {
  const metrics = await (await fetch(`${reader.managementUrl}/metrics`)).text()
  return ['bytes', 'waiting'].map((what) => {
    const line = new RegExp(`^freshet_in_flight_${what}\\{part="messages"\\} (\\d+)$`, 'm').exec(metrics)
    return line?.[1] === undefined ? undefined : Number(line[1])
  })
}

test('H16 reads of messages are bounded in number and bytes, and delay neither the feed nor cache misses', async () => {
  await using db = await openTestDatabase({ messages: true, own: true })
  await using reader = await startReader(db.uriFor('reader'), ['--messages', '--fill-within=60s'])
  const ann = await asking(reader, 'ann')
  await untilServing(ann)
  const left = new AbortController()
  let answered = 0
  const slow = { failCommands: ['find', 'aggregate'], blockConnection: true, blockTimeMS: 10_000 }
  await using _ = await db.failPoint('failCommand', 'alwaysOn', {
    ...slow,
    appName: 'freshet-reader-messages',
  })
  const authorization = await bearer('ann')
  const storm = Array.from({ length: 1_008 }, async () => {
    const url = `${reader.url}/v1/conversations`
    await fetch(url, { headers: { authorization }, signal: left.signal }).then(
      () => (answered += 1),
      () => undefined,
    )
  })
  await eventually(async () => expect(await messagesInFlight(reader)).toEqual([16 * 2 ** 20, 1_000]))
  expect(await (await ann('/conversations')).json()).toMatchObject({ status: 503, ...problem('overloaded') })
  const products = db.admin.db('shop').collection<{ _id: string; name: string }>('products')
  for (const _id of ['one', 'two']) {
    await products.insertOne({ _id, name: _id })
    const answer = await fetch(`${reader.url}/v1/products?ids=${_id},none-${_id}`, { headers: now })
    expect([answer.status, answer.headers.get('cache-status')]).toEqual([
      200,
      expect.stringMatching('fwd=miss'),
    ])
  }
  expect(answered).toBe(0)
  left.abort()
  await Promise.all(storm)
  await eventually(async () => expect(await messagesInFlight(reader)).toEqual([0, 0]))
})

test('H16 a database that does not answer costs a request its time limit, and no more', async () => {
  await using db = await openTestDatabase({ messages: true, own: true })
  await using reader = await startReader(db.uriFor('reader'), ['--messages', '--fill-within=300ms'])
  const ann = await asking(reader, 'ann')
  await untilServing(ann)
  {
    const slow = { failCommands: ['find', 'aggregate'], blockConnection: true, blockTimeMS: 5_000 }
    await using _ = await db.failPoint('failCommand', 'alwaysOn', {
      ...slow,
      appName: 'freshet-reader-messages',
    })
    const answers = await Promise.all(Array.from({ length: 12 }, () => ann('/conversations')))
    const types = new Set(await Promise.all(answers.map((answer) => answer.text())))
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 503))
    for (const type of types) expect(type).toMatch(/problems\/(unavailable|overloaded)"/)
  }
  await untilServing(ann)
})

test('H17 reads go on after the servers were restarted, at positions of the same history', async () => {
  await using db = await openTestDatabase({ messages: true, own: true })
  await using reader = await startReader(db.uriFor('reader'), ['--messages'])
  const ann = await asking(reader, 'ann')
  await untilServing(ann)
  const talk = new Talk(db)
  await talk.createGroup('kept', 'ann')
  await talk.send('ann', { group: 'kept' })
  const before = await ann('/conversations/kept/messages', now)
  await db.restart('kill')
  await eventually(async () => {
    const after = await ann('/conversations/kept/messages', now)
    expect([after.status, after.headers.get('etag')]).toEqual([200, before.headers.get('etag')])
    expect(
      (after.headers.get('freshet-position') ?? '') > (before.headers.get('freshet-position') ?? ''),
    ).toBe(true)
  })
})

test('H18 without --messages, the paths of messages are off', async () => {
  await using db = await openTestDatabase({ messages: true })
  await using reader = await startReader(db.uriFor('reader'), [])
  const ann = await asking(reader, 'ann')
  expect(await (await ann('/conversations')).json()).toMatchObject(problem('messages-off'))
  expect(await (await ann('/conversations/x/messages')).json()).toMatchObject(problem('unknown-path'))
})

test('H18 paths that only the writer has say so', async () => {
  await using db = await openTestDatabase({ messages: true })
  await using reader = await startReader(db.uriFor('reader'), ['--messages'])
  const ann = await asking(reader, 'ann')
  for (const [path, name] of [
    ['/messages/x', 'messages'],
    ['/groups/team', 'groups'],
    ['/acks', 'acks'],
  ] as const)
    expect(await (await ann(path)).json()).toMatchObject({
      ...problem('unknown-path'),
      detail: `Only the writer has /v1/${name}.`,
    })
})

test('H18 --messages is refused before the migration, and if a collection has the name of a path', async () => {
  await using db = await openTestDatabase()
  await expect(startReader(db.uriFor('reader'), ['--messages'])).rejects.toThrow(
    '--messages: shop_messages is not prepared. Run `freshet migrate --messages`.',
  )
  const folder = await mkdtemp(join(tmpdir(), 'collections-'))
  const file = { type: 'object', properties: { id: { type: 'string' } } }
  await writeFile(join(folder, 'conversations.json'), JSON.stringify(file))
  await expect(startReader(db.uriFor('reader'), ['--messages', `--collections=${folder}`])).rejects.toThrow(
    /no collection may be named conversations/,
  )
})

test('H19 the reads of messages go through the guard, which reports them', async () => {
  await using db = await openTestDatabase({ messages: true })
  await using reader = await startReader(db.uriFor('reader'), ['--messages'])
  await untilServing(await asking(reader, 'ann'))
  const status: unknown = await (await fetch(`${reader.managementUrl}/statusz`)).json()
  expect(status).toMatchObject({
    guard: {
      layers: { veto: 'standing', role: 'standing' },
      client: { feed: expect.any(String), reads: expect.any(String), messages: expect.any(String) },
      refusals: {},
    },
  })
  await expect(startReader(db.uriFor('writer'), ['--messages'])).rejects.toThrow(
    /may .* which is more than reading/,
  )
})
