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
  db = await openTestDatabase({ own: true })
})
afterAll(() => db[Symbol.asyncDispose]())

/** A connection whose server reports no times while `silent` is true, as with access control after a start. */
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

/** Retries more often than in production, to hit short-lived states. */
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

test('F24 a server that reports no times for a while is followed anyway, and what arrived is proved', async () => {
  await using opened = await openSilent()
  await using following = follow(opened)
  const { heard } = following
  await eventually(() => expect(heard.batches.length).toBeGreaterThan(1))
  opened.silent = true
  await put('running')
  await eventually(() => expect(heard.words).toEqual(['upsert running 1']))
  const before = performance.now()
  await eventually(() => expect(heard.last?.provedAt).toBeGreaterThan(before))
  // Reopened while the server is silent, it resumes where it was.
  await db.failPoint(
    'failCommand',
    { times: 1 },
    { failCommands: ['getMore'], errorCode: 91, appName: 'test' },
  )
  await eventually(() => expect(heard.errors).toEqual(['DISCONNECTED']))
  await put('reopened')
  await eventually(() => expect(heard.words).toEqual(['upsert running 1', 'upsert reopened 1']))
  opened.silent = false
  await put('reported')
  await eventually(() => expect(heard.words.at(-1)).toBe('upsert reported 1'))
  expect([heard.errors, heard.origins.length]).toEqual([['DISCONNECTED'], 1])
})

test('F24 requests that need a position are retried until the server reports one', async () => {
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

test('F24 a member that has not loaded its configuration yet is retried', async () => {
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
  'F24 after a restart (%s) of the whole set with access control the feed resumes where it was',
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
