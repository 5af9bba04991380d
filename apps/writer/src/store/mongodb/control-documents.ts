import { CoalescedCall } from '@freshet/kit'
import { controlCollection, identityId, sourceIdOf } from '@freshet/mongodb-rules'
import type { Position, SourceId } from '@freshet/protocol'
import type { Document } from 'mongodb'
import type { ControlStore, HeartbeatState } from '../contract.ts'
import { databaseOf, type DatabaseConnection } from './connection.ts'
import { positionIn, writeErrorOf } from './statements.ts'

/**
 * The two control documents, over connections reserved for them. Connects on demand, since it is used before any write.
 */
export class ControlDocuments implements ControlStore {
  readonly #connection: Pick<DatabaseConnection, 'control' | 'ready'>
  readonly #database: string
  readonly #durable: Document
  readonly #latestPosition = new CoalescedCall(() => this.#positionOfWrite())

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

  async beat(seen: HeartbeatState | undefined): Promise<HeartbeatState> {
    await this.#connection.ready()
    const last = seen ?? (await this.#heartbeat())
    const { value } = await this.#command({
      findAndModify: controlCollection,
      // `null` also matches a missing field.
      query: { _id: 'heartbeat', beats: last.beats ?? null },
      // For humans.
      update: { $inc: { beats: 1 }, $currentDate: { at: true } },
      new: true,
      writeConcern: this.#durable,
    })
    // Another writer was faster, or the document is missing, in which case readers get no heartbeats.
    return value === null ? await this.#heartbeat() : { beats: value.beats }
  }

  /**
   * The position of a majority-acknowledged write of our own that begins after the call, so it is not before anything
   * that a majority had then. Replaces the position of a reply without a time: a server without signing keys reports
   * none for some seconds after its start. Rejects with a driver error or another error.
   */
  latestPosition(): Promise<Position> {
    return this.#latestPosition.run()
  }

  async #positionOfWrite(): Promise<Position> {
    const reply = await this.#command({
      update: controlCollection,
      updates: [{ q: { _id: 'heartbeat' }, u: { $inc: { beats: 1 } } }],
      writeConcern: this.#durable,
    })
    // A write that matches nothing, because the heartbeat is missing, reports the server's latest time.
    const at = writeErrorOf(reply) === undefined ? positionIn(reply) : undefined
    if (at === undefined) throw new Error('expected a time in the reply to a write, got none')
    return at
  }

  async #heartbeat(): Promise<HeartbeatState> {
    const heartbeat = await this.#find('heartbeat')
    if (heartbeat === undefined)
      throw new Error('the database has no heartbeat document; run freshet migrate')
    return { beats: heartbeat['beats'] }
  }

  #command(command: Document): Promise<Document> {
    return databaseOf(this.#connection.control, this.#database).command(command)
  }

  /** Reads one of the two documents with majority read concern. */
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
