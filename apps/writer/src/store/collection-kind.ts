import { Long, MongoServerError, type Db, type Document } from 'mongodb'
import { isOfKind } from './driver-errors.ts'
import { exactly } from './raw.ts'
import { writeErrorOf } from './replies.ts'

/** Of every server, whatever is in it. */
const nothing = { $nor: [{}] }

/**
 * Whether a collection is of a kind that readers cannot follow: a view, a time series, a capped one. Asked when the
 * server refused a statement for a reason that may also be another one, since a writer may not ask what a collection is:
 * by two commands that change nothing of any collection and that these refuse, or alone take.
 */
export async function cannotBeFollowed(db: Db, collection: string): Promise<boolean> {
  return (await refusesToReplace(db, collection)) || (await isCapped(db, collection))
}

/** As views and time series do, before they look for what is to be replaced. */
async function refusesToReplace(db: Db, collection: string): Promise<boolean> {
  const update = { q: nothing, u: {}, ...exactly }
  try {
    const error = writeErrorOf(await db.command({ update: collection, updates: [update] }))
    return isOfKind(error?.['code'])
  } catch (error) {
    if (error instanceof MongoServerError) return isOfKind(error.code)
    throw error
  }
}

/** Only those have tailable cursors. */
async function isCapped(db: Db, collection: string): Promise<boolean> {
  let reply: Document
  try {
    reply = await db.command({ find: collection, filter: nothing, tailable: true, batchSize: 0 })
  } catch (error) {
    if (error instanceof MongoServerError) return false
    throw error
  }
  const id: unknown = reply['cursor']?.id
  const cursor = typeof id === 'number' ? Long.fromNumber(id) : id
  if (cursor instanceof Long && !cursor.isZero())
    await db.command({ killCursors: collection, cursors: [cursor] })
  return true
}
