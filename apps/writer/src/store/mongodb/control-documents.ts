import { CoalescedCall } from '@freshet/kit'
import { controlCollection, identityId, sourceIdOf } from '@freshet/mongodb-rules'
import type { Position, SourceId } from '@freshet/protocol'
import type { Document } from 'mongodb'
import type { ControlStore, Pulse } from '../contract.ts'
import { databaseOf } from './client.ts'
import type { DatabaseConnection } from './connection.ts'
import { positionIn, writeErrorOf } from './replies.ts'

/**
 * The two documents of the control collection, over connections that no write can take. It connects when needed: it is
 * asked before any write.
 */
export class ControlDocuments implements ControlStore {
  readonly #connection: Pick<DatabaseConnection, 'control' | 'ready'>
  readonly #database: string
  readonly #durable: Document
  readonly #later = new CoalescedCall(() => this.#positionOfWrite())

  constructor(
    connection: Pick<DatabaseConnection, 'control' | 'ready'>,
    database: string,
    acknowledgeWithinMs: number,
  ) {
    this.#connection = connection
    this.#database = database
    this.#durable = { w: 'majority', j: true, wtimeout: acknowledgeWithinMs }
  }

  async source(): Promise<SourceId | undefined> {
    await this.#connection.ready()
    const timeline: unknown = (await this.#find(identityId))?.['timeline']
    return typeof timeline === 'string' ? sourceIdOf(timeline) : undefined
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
      writeConcern: this.#durable,
    })
    // Another writer was faster, or there is nothing to touch, and then readers are never shown a majority again.
    return value === null ? await this.#pulse() : { beats: value.beats }
  }

  /**
   * The position of a write of our own that a majority acknowledged, begun after it was asked for: it is not before
   * anything that a majority had then, whichever server takes it. For what was done when its reply does not tell its
   * time: a server that has no key yet to sign times with tells none, as one does for some seconds after a start.
   * Rejects with an error of the driver, or another one.
   */
  later(): Promise<Position> {
    return this.#later.run()
  }

  async #positionOfWrite(): Promise<Position> {
    const reply = await this.#command({
      update: controlCollection,
      updates: [{ q: { _id: 'heartbeat' }, u: { $inc: { beats: 1 } } }],
      writeConcern: this.#durable,
    })
    // One that finds nothing, as where the heartbeat is gone, has the time of the newest thing that the server had.
    const at = writeErrorOf(reply) === undefined ? positionIn(reply) : undefined
    if (at === undefined) throw new Error('expected a time in the reply to a write, got none')
    return at
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
