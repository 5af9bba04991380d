import type { MongoClient } from 'mongodb'

/**
 * Inserts `b0`, `b1`, … into `products` until the last one is more than `seconds` after the first by the database's clock: a
 * reader before them is that far behind.
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
