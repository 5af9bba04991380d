import { expect, test } from '@jest/globals'
import { eventually, openTestDatabase } from '@freshet/testkit'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { collections, openWriter, openWriterAtOnce } from './support/open-writer.ts'
import { refusal, talkOf } from './support/talk.ts'

const argv = ['--messages']
const reasonOf = (uri: string, options: readonly string[]): Promise<string> =>
  openWriterAtOnce(uri, { argv: options }).then(
    async (writer) => {
      await writer[Symbol.asyncDispose]()
      return 'it started'
    },
    (error: unknown) => String(error),
  )

test('M12 without --messages there are none, and with it the rights must be there', async () => {
  await using db = await openTestDatabase({ collections })
  await using writer = await openWriter(db.uriFor('writer'))
  const ann = await talkOf(writer, 'ann')
  expect(refusal(await ann.say({ user: 'bob' }, 1))).toBe('404 messages-off')
  expect(refusal(await ann.send('PUT', 'groups/g'))).toBe('404 messages-off')
  const reason = await reasonOf(db.uriFor('writer'), argv)
  expect(reason).toContain('may not find in shop_messages.freshet; run freshet migrate --messages')
})

test('M12 with --messages no collection may have the name of one of their paths', async () => {
  await using db = await openTestDatabase({ collections: ['messages'], messages: true })
  const folder = await mkdtemp(join(tmpdir(), 'freshet-collections-'))
  try {
    await writeFile(join(folder, 'messages.json'), '{"type":"object"}')
    const options = [`--collections=${folder}`]
    expect(await reasonOf(db.uriFor('writer'), [...options, ...argv])).toMatch(
      /no collection may be named messages, since \/v1\/messages/,
    )
    expect(await reasonOf(db.uriFor('writer'), options)).toBe('it started')
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('M11 messages have a heartbeat of their own: neither kind of write stands in for the other', async () => {
  await using db = await openTestDatabase({ collections, messages: true })
  await using writer = await openWriter(db.uriFor('writer'), { argv })
  const ann = await talkOf(writer, 'ann')
  const beats = async (name: string): Promise<number> => {
    const control = db.admin.db(name).collection<{ _id: string; beats?: number }>('freshet')
    return (await control.findOne({ _id: 'heartbeat' }))?.beats ?? 0
  }
  const before = { shop: await beats('shop'), messages: await beats('shop_messages') }
  const over = new AbortController()
  const writes = (async () => {
    for (let n = 0; !over.signal.aborted; n++) await ann.say({ user: 'bob' }, n)
  })()
  // Only messages are written, so the documents need beats.
  await eventually(async () => expect(await beats('shop')).toBeGreaterThan(before.shop + 2))
  over.abort()
  await writes
  await eventually(async () => expect(await beats('shop_messages')).toBeGreaterThan(before.messages + 2))
})

test('M11 messages without a name for their history are 503, the writer is not ready, and documents are still written', async () => {
  await using db = await openTestDatabase({ own: true, collections, messages: true })
  await using writer = await openWriter(db.uriFor('writer'), { argv })
  const ann = await talkOf(writer, 'ann')
  expect((await ann.say({ user: 'bob' }, 1)).status).toBe(201)
  const control = db.admin.db('shop_messages').collection<{ _id: string }>('freshet')
  const source = await control.findOneAndDelete({ _id: 'source' })
  await eventually(async () => expect(refusal(await ann.say({ user: 'bob' }, 1))).toBe('503 source-unknown'))
  const ready = await fetch(`${writer.service.managementUrl}/readyz`)
  expect([ready.status, await ready.text()]).toEqual([
    503,
    expect.stringContaining('messages: the database has no source'),
  ])
  expect((await writer.send('PUT', 'products/x', { body: { name: 'x' } })).status).toBe(201)
  if (source) await control.insertOne(source)
  await eventually(async () => expect((await ann.say({ user: 'bob' }, 1)).status).toBe(201))
})
