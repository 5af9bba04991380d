import type { MongoClient } from 'mongodb'

/**
 * Writes into a database of its own until nothing of what is in the primary's oplog now is left there: whoever stands
 * at or before this moment has lost the history. Some seconds with `oplogSizeMb: 1` and `checkpointSeconds: 1`.
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
