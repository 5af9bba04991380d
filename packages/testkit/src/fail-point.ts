import type { Document, MongoClient } from 'mongodb'

/** How often a fail point is triggered. */
export type FailPointMode = 'alwaysOn' | { readonly times: number }

/**
 * Enables a fail point on the primary; disposing disables it. Names and data are those of the server's own tests: https://github.com/mongodb/mongo/wiki/The-failCommand-Fail-Point
 */
export async function failPoint(
  admin: MongoClient,
  name: string,
  mode: FailPointMode,
  data: Document,
): Promise<AsyncDisposable> {
  await admin.db('admin').command({ configureFailPoint: name, mode, data })
  return {
    [Symbol.asyncDispose]: async () => {
      await admin.db('admin').command({ configureFailPoint: name, mode: 'off' })
    },
  }
}
