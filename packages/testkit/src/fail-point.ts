import type { Document, MongoClient } from 'mongodb'

/** When a fail point acts: from now on, or for this many times. */
export type FailPointMode = 'alwaysOn' | { readonly times: number }

/**
 * Switches a fail point of the primary on; disposing switches it off. The names and data of fail points are those of
 * the server's own tests: https://github.com/mongodb/mongo/wiki/The-failCommand-Fail-Point
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
