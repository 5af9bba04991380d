import { expect, test } from '@jest/globals'
import { eventually, openTestDatabase, startImpostor } from '@freshet/testkit'
import { MongoClient } from 'mongodb'
import { ABSENT, asDocuments, openReplica } from '../src/index.ts'

interface Stored {
  readonly _id: string
}

test('E4 an embedded replica whose address pointed to another server for a while recovers by itself and keeps its cached documents', async () => {
  await using db = await openTestDatabase({ own: true })
  await db.admin.db('shop').collection<Stored>('products').insertOne({ _id: 'held' })
  const options = { lagAfterMs: 200, fillWaitMs: 300 }
  await using replica = await openReplica({
    uri: db.uriFor('reader'),
    database: db.database,
    collections: { products: 'string' },
    encoder: asDocuments,
    options,
  })
  await eventually(async () => expect((await replica.get('products', 'held')).values).not.toEqual([ABSENT]))
  await db.stop()
  const impostor = await startImpostor(db.servers.members[0]?.port ?? 0, 'standalone')
  const before = replica.status().reopens
  // Four attempts, at least one second apart: by now the driver knows what answers there.
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
