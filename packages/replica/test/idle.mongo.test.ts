import { expect, test } from '@jest/globals'
import { ABSENT } from '@freshet/cache'
import { openTestDatabase } from '@freshet/testkit'
import { openReplica } from './support/mongo/open-replica.ts'

test('R5 where nobody writes, what was there at the start is reached at once', async () => {
  await using db = await openTestDatabase()
  // The newest operation is of another database: no change of it will ever come.
  await db.admin.db('elsewhere').collection('c').insertOne({})
  await using replica = await openReplica(db)
  await expect(replica.now()).resolves.toBe(replica.at)
  const { operationTime } = await db.admin.db('admin').command({ ping: 1 })
  expect(Number.parseInt(replica.at.slice(0, 8), 16)).toBeGreaterThanOrEqual(operationTime.t)
  // Its collection is not there, so the read names no position, and W must reach the one of the reply.
  await db.admin.db(db.database).collection('products').drop()
  await using second = await openReplica(db)
  expect((await second.get('products', 'p')).values).toEqual([ABSENT])
})
