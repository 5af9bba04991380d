import { reasonAgainst } from '@freshet/mongodb-rules'
import { MongoServerError } from 'mongodb'
import type { Check } from '../collection-checks.ts'
import { databaseOf, type DatabaseConnection } from './connection.ts'
import { storeErrorOf } from './driver-errors.ts'

/**
 * Reads the collection's definition. Also `undefined` if the server refuses, for example while it becomes a secondary:
 * it then refuses the write as well, or the role is missing. Rejects with UNREACHABLE.
 */
export function followableBy(connection: Pick<DatabaseConnection, 'writes'>, database: string): Check {
  return async ({ stored }) => {
    try {
      const db = databaseOf(connection.writes, database)
      const { cursor } = await db.command({ listCollections: 1, filter: { name: stored } })
      return reasonAgainst(cursor.firstBatch[0])
    } catch (error) {
      if (error instanceof MongoServerError) return undefined
      throw storeErrorOf(error, 'transaction')
    }
  }
}
