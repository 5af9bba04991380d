import { randomUUID } from 'node:crypto'
import { controlCollection, messagesDatabase } from '@freshet/mongodb-rules'
import type { Collection, Db, MongoClient } from 'mongodb'
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

/**
 * Creates missing control documents. Existing ones keep their values.
 * @param timeline of a new source document; random by default.
 */
export async function createControlDocuments(
  db: Db,
  timeline: string = randomUUID(),
): Promise<readonly string[]> {
  const control = controlOf(db)
  const source = await control.updateOne({ _id: 'source' }, { $setOnInsert: { timeline } }, { upsert: true })
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

/** Whether this application has messages: a migration created their control documents. */
export async function hasMessages(client: MongoClient, database: string): Promise<boolean> {
  return (await timelineOf(client.db(messagesDatabase(database)))) !== undefined
}

/**
 * Creates missing control documents in the database of messages, with the timeline of the application's database: both
 * are one history. A different timeline, as after an interrupted renaming, is replaced.
 */
export async function createMessageControlDocuments(
  client: MongoClient,
  database: string,
): Promise<readonly string[]> {
  const db = client.db(messagesDatabase(database))
  const timeline = await timelineOf(client.db(database))
  const made = await createControlDocuments(db, timeline)
  const named = made.map((document) => `${document} of ${db.databaseName}`)
  if (timeline === undefined || (await timelineOf(db)) === timeline) return named
  await controlOf(db).replaceOne({ _id: 'source' }, { timeline })
  return [...named, `timeline of ${db.databaseName}`]
}

/**
 * Gives the history behind this address a new timeline and returns it. Required after every restore: positions of the two
 * histories must never be compared, and nothing else in a restored copy distinguishes them. Every reader starts a new epoch
 * at once. Its messages, if any, get the same timeline.
 * @throws {MigrationError} NOT_MIGRATED: there is no control document.
 */
export async function newTimeline(db: Db): Promise<string> {
  const timeline = randomUUID()
  // A replace, so that the event in the feed contains the new timeline.
  const { matchedCount } = await controlOf(db).replaceOne({ _id: 'source' }, { timeline })
  if (matchedCount === 0)
    throw new MigrationError('NOT_MIGRATED', `${db.databaseName} has no control document.`)
  const messages = db.client.db(messagesDatabase(db.databaseName))
  await controlOf(messages).replaceOne({ _id: 'source' }, { timeline })
  return timeline
}

/** The timeline of the history behind this address. `undefined` before the first migration. */
export async function timelineOf(db: Db): Promise<string | undefined> {
  const source = await controlOf(db).findOne({ _id: 'source' }, { readConcern: { level: 'majority' } })
  return source?.timeline
}
