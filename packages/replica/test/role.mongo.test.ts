import { expect, test } from '@jest/globals'
import { eventually, openTestDatabase, type TestDatabase } from '@freshet/testkit'
import { ABSENT } from '@freshet/cache'
import { openReplica } from './support/mongo/open-replica.ts'

/** Changes the role of the reader's user while it is connected. */
async function give(db: TestDatabase, roles: readonly string[]): Promise<void> {
  await db.admin.db('shop').command({ updateUser: 'freshet-reader', roles })
}

test('G4.4 a role that is revoked ends the live feed: the reader reports the reason, its age grows, and it continues once the role is back', async () => {
  await using db = await openTestDatabase()
  const products = db.admin.db('shop').collection<{ _id: string; value: number }>('products')
  await products.insertOne({ _id: 'held', value: 1 })
  await using replica = await openReplica(db, { options: { lagAfterMs: 200, fillWaitMs: 300 } })
  const read = async (id: string): Promise<unknown> => {
    const [value] = (await replica.get('products', id)).values
    return value === undefined || value === ABSENT ? value : value.document['value']
  }
  await eventually(async () => expect(await read('held')).toBe(1))
  expect(replica.status().brokenBy).toBeUndefined()

  await give(db, [])
  await eventually(() =>
    expect(replica.status()).toMatchObject({ brokenBy: 'DENIED', state: { kind: 'lagging' } }),
  )
  await products.updateOne({ _id: 'held' }, { $set: { value: 2 } })
  const { ageMs: before = 0, at } = replica.status()
  await eventually(() => expect(replica.status().ageMs).toBeGreaterThan(before + 500))
  // Cached documents are an earlier state; others cannot be answered.
  expect(await read('held')).toBe(1)
  expect(replica.at).toBe(at)
  await expect(read('unknown')).rejects.toMatchObject({ code: 'SOURCE_REFUSED' })

  await give(db, ['freshet-reader'])
  await eventually(async () => expect(await read('held')).toBe(2))
  await eventually(async () => expect(await read('unknown')).toBe(ABSENT))
  await eventually(() =>
    expect(replica.status()).toMatchObject({ brokenBy: undefined, state: { kind: 'live' } }),
  )
})

test('G4.4 a role that becomes excessive at run time does not make the reader write: the veto remains', async () => {
  await using db = await openTestDatabase()
  await using replica = await openReplica(db)
  await give(db, ['freshet-reader', 'freshet-writer'])
  await db.admin.db('shop').collection('products').insertOne({})
  await replica.now({ waitMs: 60_000 })
  expect(replica.status()).toMatchObject({ brokenBy: undefined, state: { kind: 'live' } })
  // The next start is refused.
  await expect(openReplica(db)).rejects.toMatchObject({ code: 'PRIVILEGE' })
})

test('G4.8 a role that has become excessive ends the feed when it is reopened, until it is limited again', async () => {
  await using db = await openTestDatabase()
  await using replica = await openReplica(db, { options: { lagAfterMs: 200, fillWaitMs: 300 } })
  await give(db, ['freshet-reader', 'freshet-writer'])
  const data = { failCommands: ['getMore'], errorCode: 91, appName: 'replica-feed' }
  await db.failPoint('failCommand', { times: 1 }, data)
  await eventually(() =>
    expect(replica.status()).toMatchObject({ brokenBy: 'DENIED', state: { kind: 'lagging' } }),
  )
  // The connection for reads was checked too.
  await eventually(() =>
    expect(replica.get('products', 'unknown')).rejects.toMatchObject({ code: 'SOURCE_REFUSED' }),
  )
  await give(db, ['freshet-reader'])
  await eventually(() =>
    expect(replica.status()).toMatchObject({ brokenBy: undefined, state: { kind: 'live' } }),
  )
  await eventually(async () => expect((await replica.get('products', 'unknown')).values).toEqual([ABSENT]))
  expect(replica.status().resyncs).toEqual({ start: 1 })
})
