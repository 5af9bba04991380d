import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import { eventually, openTestDatabase, type TestDatabase } from '@freshet/testkit'
import { Follower } from '@freshet/change-stream'
import { FaultyConnection } from './support/faulty-connection.ts'
import { openSource, type OpenedSource } from './support/open-source.ts'
import { Recorder } from '@freshet/change-stream/conformance'
import { valueIn } from './support/value-in.ts'

const { signal } = new AbortController()

let db: TestDatabase

beforeAll(async () => {
  db = await openTestDatabase()
})
afterAll(() => db[Symbol.asyncDispose]())

/** A connection to a server that tells no times while `silent` is true, as one with access control after its start. */
async function openSilent(): Promise<OpenedSource & { silent: boolean }> {
  const opened = await openSource(db, {
    wrap: (inner) =>
      new FaultyConnection(inner, {
        reply: (reply) => {
          if (silence.silent) for (const name of ['operationTime', '$clusterTime']) delete reply[name]
          return reply
        },
      }),
  })
  const silence = Object.assign(opened, { silent: false })
  return silence
}

/** Tries more often than the product: what holds only for moments must be met. */
function follow(opened: OpenedSource): AsyncDisposable & { readonly heard: Recorder } {
  const heard = new Recorder(valueIn)
  const pace = { firstMs: 20, maxMs: 40, spreadMs: 0 }
  const { source } = opened
  const follower = new Follower({ source, sink: heard, clock: systemClock, random: Math.random, pace })
  follower.start()
  return { heard, [Symbol.asyncDispose]: () => follower.stop() }
}

const put = (_id: string): Promise<unknown> =>
  db.admin.db('shop').collection<{ _id: string; value: number }>('products').insertOne({ _id, value: 1 })

test('F24 a server that tells no times for a while is followed all the same, and what came is proved', async () => {
  await using opened = await openSilent()
  await using following = follow(opened)
  const { heard } = following
  await eventually(() => expect(heard.batches.length).toBeGreaterThan(1))
  opened.silent = true
  await put('running')
  await eventually(() => expect(heard.words).toEqual(['upsert running 1']))
  const before = performance.now()
  await eventually(() => expect(heard.last?.provedAt).toBeGreaterThan(before))
  // Opened again at a server that is silent: it goes on where it stood.
  await db.failPoint(
    'failCommand',
    { times: 1 },
    { failCommands: ['getMore'], errorCode: 91, appName: 'test' },
  )
  await eventually(() => expect(heard.errors).toEqual(['DISCONNECTED']))
  await put('reopened')
  await eventually(() => expect(heard.words).toEqual(['upsert running 1', 'upsert reopened 1']))
  opened.silent = false
  await put('told')
  await eventually(() => expect(heard.words.at(-1)).toBe('upsert told 1'))
  expect([heard.errors, heard.origins.length]).toEqual([['DISCONNECTED'], 1])
})

test('F24 what needs a position is asked for again until the server tells one', async () => {
  await using opened = await openSilent()
  const { reads } = opened
  const at = await reads.head(signal)
  opened.silent = true
  await using following = follow(opened)
  const { heard } = following
  await eventually(() => expect(heard.errors.length).toBeGreaterThan(2))
  expect(new Set(heard.errors)).toEqual(new Set(['DISCONNECTED']))
  await expect(reads.head(signal)).rejects.toMatchObject({ code: 'DISCONNECTED' })
  await db.admin.db('shop').collection('products').drop()
  await expect(reads.read(at, 'products', ['a'], signal)).rejects.toMatchObject({
    code: 'POSITION_UNAVAILABLE',
  })
  opened.silent = false
  await eventually(() => expect(heard.origins).toHaveLength(1))
  expect(await reads.head(signal)).toMatch(/^[0-9a-f]{16}$/)
})

test('F24 a member that has not read its configuration yet is asked again', async () => {
  const starting = {
    isreplicaset: true,
    isWritablePrimary: false,
    secondary: false,
    maxWireVersion: 17,
    ok: 1,
  }
  await using opened = await openSource(db, {
    wrap: (inner) =>
      new FaultyConnection(inner, { reply: (reply, { hello }) => (hello === undefined ? reply : starting) }),
  })
  await expect(opened.source.start(signal)).rejects.toMatchObject({ code: 'DISCONNECTED' })
})

test.each(['orderly', 'kill'] as const)(
  'F24 after a restart (%s) of the whole set with access control the feed goes on where it stood',
  async (how) => {
    await using opened = await openSource(db)
    await using following = follow(opened)
    const { heard } = following
    await eventually(() => expect(heard.batches.length).toBeGreaterThan(1))
    for (let n = 0; n < 3; n += 1) {
      const id = `${how}-${n}`
      await put(id)
      await eventually(() => expect(heard.words.at(-1)).toBe(`upsert ${id} 1`))
      await db.restart(how)
      const { batches } = heard
      const { length } = batches
      await eventually(() => expect(batches.length).toBeGreaterThan(length + 10))
    }
    expect(new Set(heard.errors)).toEqual(new Set(['DISCONNECTED']))
    expect(heard.origins).toHaveLength(1)
  },
)
