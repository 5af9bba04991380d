import type { MongoClient } from 'mongodb'

/**
 * Writes to a separate database until the primary's oplog contains no entry that it contains now: a reader at or before the
 * current position has lost its history. Takes some seconds with `oplogSizeMb: 1` and `checkpointSeconds: 1`.
 */
export async function overrunOplog(admin: MongoClient): Promise<void> {
  const oplog = admin.db('local').collection('oplog.rs')
  const end = async (direction: 1 | -1): Promise<bigint> => {
    const entry = await oplog.findOne({}, { sort: { $natural: direction }, projection: { ts: 1 } })
    return entry?.['ts'].toBigInt() ?? 0n
  }
  const filler = admin.db('filler').collection('filler')
  const last = await end(-1)
  while ((await end(1)) <= last)
    await filler.insertMany(Array.from({ length: 10 }, () => ({ text: 'x'.repeat(200_000) })))
}
