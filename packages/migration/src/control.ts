import { randomUUID } from 'node:crypto'
import { controlCollection } from '@freshet/mongodb-rules'
import type { Collection, Db } from 'mongodb'
import { MigrationError } from './errors.ts'

/** `source` names the history behind the address; `heartbeat` is touched by idle writers. */
interface ControlDocument {
  readonly _id: 'source' | 'heartbeat'
  readonly timeline?: string
  readonly at?: Date
}

const durable = { writeConcern: { w: 'majority', j: true } } as const

const controlOf = (db: Db): Collection<ControlDocument> =>
  db.collection<ControlDocument>(controlCollection, durable)

/** Puts the control documents there where they are missing; those that are there keep their values. */
export async function makeControlDocuments(db: Db): Promise<readonly string[]> {
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
 * Gives the history behind this address a new name and resolves with it. A step of every restore: positions of the
 * old history must never be compared with those of the new one, and nothing else in a restored copy tells them apart.
 * Every reader starts a new epoch at once.
 * @throws {MigrationError} NOT_MIGRATED: there is no control document.
 */
export async function newTimeline(db: Db): Promise<string> {
  const timeline = randomUUID()
  // Replaced as a whole, so that the change in the feed carries the new name.
  const { matchedCount } = await controlOf(db).replaceOne({ _id: 'source' }, { timeline })
  if (matchedCount === 0)
    throw new MigrationError('NOT_MIGRATED', `${db.databaseName} has no control document.`)
  return timeline
}

/** The name of the history behind this address, or nothing before the first migration. */
export async function timelineOf(db: Db): Promise<string | undefined> {
  const source = await controlOf(db).findOne({ _id: 'source' }, { readConcern: { level: 'majority' } })
  return source?.timeline
}
