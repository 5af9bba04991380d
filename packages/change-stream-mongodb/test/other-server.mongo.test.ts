import { expect, test } from '@jest/globals'
import { positionOf } from '@freshet/protocol'
import { CutProxy, eventually, openTestDatabase } from '@freshet/testkit'
import { Hearing } from '@freshet/change-stream/conformance'
import { FollowedServer } from '../src/reads.ts'
import { MongoReads } from '../src/index.ts'
import { FaultyConnection } from './support/faulty-connection.ts'
import { openSource } from './support/open-source.ts'

const { signal } = new AbortController()
const passwords = { 'freshet-reader': 'the-same-on-both' }

test('F9 snapshot reads reject replies from another server behind the same address', async () => {
  await using db = await openTestDatabase({ own: true, passwords })
  await using other = await openTestDatabase({ own: true, passwords })
  const ports = [db, other].map(({ servers }) => servers.members[0]?.port ?? 0)
  await using proxy = await CutProxy.open(ports[0] ?? 0)
  await using opened = await openSource(db, { uri: proxy.uriThrough(db.uriFor('reader')) })
  await using heard = new Hearing(opened.source, await opened.source.start(signal))
  await heard.until(() => heard.batches.length > 1)
  const elsewhere = other.admin.db('shop').collection<{ _id: string }>('products')
  await elsewhere.insertOne({ _id: 'elsewhere' })
  const { operationTime } = await other.admin.db('shop').command({ ping: 1 })
  const at = positionOf(operationTime.t, operationTime.i)
  proxy.redirectTo(ports[1] ?? 0)

  // Without that check, reads return the other server's document.
  const blind = new MongoReads({ ...opened.parts, followed: new FollowedServer() })
  await eventually(async () =>
    expect(await blind.read(at, 'products', ['elsewhere'], signal)).toEqual({
      kind: 'exact',
      documents: new Map([['elsewhere', expect.anything()]]),
    }),
  )
  for (const ask of [
    () => opened.reads.read(at, 'products', ['elsewhere'], signal),
    () => opened.reads.head(signal),
    () => opened.reads.check(['products'], signal),
  ])
    await expect(ask()).rejects.toMatchObject({
      code: 'POSITION_UNAVAILABLE',
      message: expect.stringContaining('the followed server'),
    })
})

test('F9 a feed opened on one server is not verified by another', async () => {
  await using db = await openTestDatabase({ own: true })
  let word = (reply: object): object => reply
  await using opened = await openSource(db, {
    wrap: (inner) =>
      new FaultyConnection(inner, {
        reply: (reply, command) => (command.find === undefined ? reply : word(reply)),
      }),
  })
  const origin = await opened.source.start(signal)
  // Copying by name drops the hidden server id, as if another process with the same history had replied.
  word = (reply) => Object.fromEntries(Object.entries(reply))
  await expect(opened.source.read(origin, signal).next()).rejects.toMatchObject({
    code: 'DISCONNECTED',
    message: expect.stringContaining('which holds the feed'),
  })
})
