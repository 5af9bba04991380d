import { expect, test } from '@jest/globals'
import { ABSENT } from '@freshet/cache'
import { openTestDatabase } from '@freshet/testkit'
import { openReplica } from './support/mongo/open-replica.ts'

test('R5 without writes the initial state is reached immediately', async () => {
  await using db = await openTestDatabase()
  // The latest operation belongs to another database, so the feed never delivers a change for it.
  await db.admin.db('elsewhere').collection('c').insertOne({})
  await using replica = await openReplica(db)
  await expect(replica.now({ waitMs: 60_000 })).resolves.toBe(replica.at)
  const { operationTime } = await db.admin.db('admin').command({ ping: 1 })
  expect(Number.parseInt(replica.at.slice(0, 8), 16)).toBeGreaterThanOrEqual(operationTime.t)
  // The collection does not exist, so the read has no position of its own and W must reach the reply's.
  await db.admin.db(db.database).collection('products').drop()
  await using second = await openReplica(db)
  expect((await second.get('products', 'p')).values).toEqual([ABSENT])
})
