import type { Document } from 'mongodb'
import type { DatabaseConnection } from './connection.ts'
import type { ControlStore } from './contract.ts'
import { refusedStatement, writeErrorOf } from './replies.ts'

/** The collection of the source's identity and the heartbeat. The migration makes it, the roles name it. */
const control = 'freshet'

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

  async beat(quietMs: number): Promise<void> {
    await this.#connection.ready()
    // Compared by the server's own clock: by ours, a beat would be missed for as long as ours is slow.
    const isQuiet = { $lt: ['$at', { $subtract: ['$$NOW', quietMs] }] }
    const reply = await this.#command({
      update: control,
      updates: [{ q: { _id: 'heartbeat', $expr: isQuiet }, u: { $currentDate: { at: true } } }],
      writeConcern: { w: 'majority', j: true, wtimeout: this.#acknowledgeWithinMs },
    })
    const error = writeErrorOf(reply)
    if (error) throw refusedStatement(error)
    // Another writer was faster, or there is nothing to touch, and then readers are never shown a majority again.
    if (reply['n'] === 0 && (await this.#find('heartbeat')) === undefined)
      throw new Error('the database has no heartbeat document: run freshet migrate')
  }

  #command(command: Document): Promise<Document> {
    return this.#connection.control.db(this.#database).command(command)
  }

  /** One of the two documents as a majority has it. */
  async #find(_id: string): Promise<Document | undefined> {
    const { cursor } = await this.#command({
      find: control,
      filter: { _id },
      limit: 1,
      singleBatch: true,
      readConcern: { level: 'majority' },
    })
    return cursor.firstBatch[0]
  }
}
