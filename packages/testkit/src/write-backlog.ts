import type { MongoClient } from 'mongodb'

/**
 * Inserts `b0`, `b1`, … into the products of a database until the last of them is more than `seconds` later than the
 * first by the database's own time: whoever stands before them is so far behind.
 */
export async function writeBacklog(admin: MongoClient, database: string, seconds: number): Promise<void> {
  let first: number | undefined
  for (let value = 0; ; value += 1) {
    const command = { insert: 'products', documents: [{ _id: `b${value}`, value }] }
    const { operationTime } = await admin.db(database).command(command)
    const second: number = operationTime.getHighBitsUnsigned()
    first ??= second
    if (second - first > seconds) return
  }
}
