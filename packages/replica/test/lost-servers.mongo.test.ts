import { expect, test } from '@jest/globals'
import { ABSENT } from '@freshet/cache'
import { eventually, openTestDatabase, startImpostor } from '@freshet/testkit'
import { MongoClient } from 'mongodb'
import { openReplica } from './support/mongo/open-replica.ts'

interface Stored {
  readonly _id: string
}

test('R22 a replica recovers by itself, with its cache, after its address led to another server for a while', async () => {
  await using db = await openTestDatabase({ own: true })
  await db.admin.db('shop').collection<Stored>('products').insertOne({ _id: 'held' })
  const options = { lagAfterMs: 200, fillWaitMs: 300 }
  await using replica = await openReplica(db, { options })
  await eventually(async () => expect((await replica.get('products', 'held')).values).not.toEqual([ABSENT]))
  await db.stop()
  const impostor = await startImpostor(db.servers.members[0]?.port ?? 0, 'standalone')
  const before = replica.status().reopens
  // Four attempts at least a second apart: by then the driver has discovered the other server.
  await eventually(() => expect(replica.status().reopens).toBeGreaterThan(before + 4))
  expect(replica.state.kind).toBe('lagging')
  expect(replica.peek('products/held')).toBeDefined()
  await expect(replica.get('products', 'unknown')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await impostor[Symbol.asyncDispose]()
  await Promise.all(db.servers.members.map((member) => member.start()))
  // The test's own client has lost its server too.
  await using admin = new MongoClient(db.adminUri)
  await admin.db('shop').collection<Stored>('products').insertOne({ _id: 'new' })
  await eventually(async () => {
    const { values } = await replica.get('products', 'new', { atLeast: 'now' })
    expect(values).not.toEqual([ABSENT])
  })
  await eventually(() =>
    expect(replica.status()).toMatchObject({ state: { kind: 'live' }, brokenBy: undefined }),
  )
  expect(replica.status().resyncs).toEqual({ start: 1 })
})
