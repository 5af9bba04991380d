import { controlCollection } from '@freshet/roles'
import type { Document } from 'mongodb'
import type { DatabaseConnection } from './connection.ts'
import type { ControlStore, Pulse } from '../contract.ts'
import { databaseOf } from './database-of.ts'

/** The control documents over the driver, which it connects when needed: it is asked before any write. Rejects with the driver's errors, which are for the log. */
export class MongoControlStore implements ControlStore {
  readonly #connection: Pick<DatabaseConnection, 'control' | 'ready'>
  readonly #database: string
  readonly #acknowledgeWithinMs: number

  constructor(
    connection: Pick<DatabaseConnection, 'control' | 'ready'>,
    database: string,
    acknowledgeWithinMs: number,
  ) {
    this.#connection = connection
    this.#database = database
    this.#acknowledgeWithinMs = acknowledgeWithinMs
  }

  async timeline(): Promise<string | undefined> {
    await this.#connection.ready()
    const timeline: unknown = (await this.#find('source'))?.['timeline']
    return typeof timeline === 'string' ? timeline : undefined
  }

  async beat(seen: Pulse | undefined): Promise<Pulse> {
    await this.#connection.ready()
    const last = seen ?? (await this.#pulse())
    const { value } = await this.#command({
      findAndModify: controlCollection,
      // `null` finds a document without the field too.
      query: { _id: 'heartbeat', beats: last.beats ?? null },
      // The time is for people who look.
      update: { $inc: { beats: 1 }, $currentDate: { at: true } },
      new: true,
      writeConcern: { w: 'majority', j: true, wtimeout: this.#acknowledgeWithinMs },
    })
    // Another writer was faster, or there is nothing to touch, and then readers are never shown a majority again.
    return value === null ? await this.#pulse() : { beats: value.beats }
  }

  async #pulse(): Promise<Pulse> {
    const heartbeat = await this.#find('heartbeat')
    if (heartbeat === undefined)
      throw new Error('the database has no heartbeat document: run freshet migrate')
    return { beats: heartbeat['beats'] }
  }

  #command(command: Document): Promise<Document> {
    return databaseOf(this.#connection.control, this.#database).command(command)
  }

  /** One of the two documents as a majority has it. */
  async #find(_id: string): Promise<Document | undefined> {
    const { cursor } = await this.#command({
      find: controlCollection,
      filter: { _id },
      limit: 1,
      singleBatch: true,
      readConcern: { level: 'majority' },
    })
    return cursor.firstBatch[0]
  }
}
