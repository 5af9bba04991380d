import { reasonAgainst } from '@freshet/protocol'
import { MongoServerError, type Db } from 'mongodb'
import { storeErrorOf } from './driver-errors.ts'

/**
 * Why readers cannot follow a collection, as its definition says; `undefined`: they can, or the server will not say, as
 * while it becomes a secondary: then it refuses the write as well, or nobody gave the writer its role.
 * @throws {StoreError} UNREACHABLE
 */
export async function kindOf(db: Db, collection: string): Promise<string | undefined> {
  try {
    const { cursor } = await db.command({ listCollections: 1, filter: { name: collection } })
    return reasonAgainst(cursor.firstBatch[0])
  } catch (error) {
    if (error instanceof MongoServerError) return undefined
    throw storeErrorOf(error, 'transaction')
  }
}
