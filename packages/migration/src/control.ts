import { randomUUID } from 'node:crypto'
import { controlCollection } from '@freshet/mongodb-rules'
import type { Collection, Db } from 'mongodb'
import { MigrationError } from './errors.ts'

/** `source` identifies the history behind the address. Writers update `heartbeat`. */
interface ControlDocument {
  readonly _id: 'source' | 'heartbeat'
  readonly timeline?: string
  readonly at?: Date
}

const durable = { writeConcern: { w: 'majority', j: true } } as const

const controlOf = (db: Db): Collection<ControlDocument> =>
  db.collection<ControlDocument>(controlCollection, durable)

/** Creates missing control documents. Existing ones keep their values. */
export async function createControlDocuments(db: Db): Promise<readonly string[]> {
  const control = controlOf(db)
  const source = await control.updateOne(
    { _id: 'source' },
    { $setOnInsert: { timeline: randomUUID() } },
    { upsert: true },
  )
  const heartbeat = await control.updateOne(
    { _id: 'heartbeat' },
    { $setOnInsert: { at: new Date() } },
    { upsert: true },
  )
  return [
    ...(source.upsertedCount > 0 ? ['document freshet/source'] : []),
    ...(heartbeat.upsertedCount > 0 ? ['document freshet/heartbeat'] : []),
  ]
}

/**
 * Gives the history behind this address a new timeline and returns it. Required after every restore: positions of the two
 * histories must never be compared, and nothing else in a restored copy distinguishes them. Every reader starts a new epoch
 * at once.
 * @throws {MigrationError} NOT_MIGRATED: there is no control document.
 */
export async function newTimeline(db: Db): Promise<string> {
  const timeline = randomUUID()
  // A replace, so that the event in the feed contains the new timeline.
  const { matchedCount } = await controlOf(db).replaceOne({ _id: 'source' }, { timeline })
  if (matchedCount === 0)
    throw new MigrationError('NOT_MIGRATED', `${db.databaseName} has no control document.`)
  return timeline
}

/** The timeline of the history behind this address. `undefined` before the first migration. */
export async function timelineOf(db: Db): Promise<string | undefined> {
  const source = await controlOf(db).findOne({ _id: 'source' }, { readConcern: { level: 'majority' } })
  return source?.timeline
}
