import type { Db } from 'mongodb'
import type { DatabaseConnection } from './connection.ts'
import type { ControlStore } from './contract.ts'

/** The collection of the source's identity and the heartbeat. The migration makes it, the roles name it. */
const control = 'freshet'

/** The control documents over the driver, which it connects when needed: it is asked before any write. Rejects with the driver's errors, which are for the log. */
export class MongoControlStore implements ControlStore {
  readonly #connection: Pick<DatabaseConnection, 'client' | 'ready'>
  readonly #db: Db
  readonly #acknowledgeWithinMs: number

  constructor(
    connection: Pick<DatabaseConnection, 'client' | 'ready'>,
    database: string,
    acknowledgeWithinMs: number,
  ) {
    this.#connection = connection
    this.#db = connection.client.db(database)
    this.#acknowledgeWithinMs = acknowledgeWithinMs
  }

  async timeline(): Promise<string | undefined> {
    await this.#connection.ready()
    const { cursor } = await this.#db.command({
      find: control,
      filter: { _id: 'source' },
      limit: 1,
      singleBatch: true,
      readConcern: { level: 'majority' },
    })
    const timeline: unknown = cursor.firstBatch[0]?.timeline
    return typeof timeline === 'string' ? timeline : undefined
  }

  async beat(quietMs: number): Promise<void> {
    await this.#connection.ready()
    // Compared by the server's own clock: by ours, a beat would be missed for as long as ours is slow.
    const isQuiet = { $lt: ['$at', { $subtract: ['$$NOW', quietMs] }] }
    await this.#db.command({
      update: control,
      updates: [{ q: { _id: 'heartbeat', $expr: isQuiet }, u: { $currentDate: { at: true } } }],
      writeConcern: { w: 'majority', j: true, wtimeout: this.#acknowledgeWithinMs },
    })
  }
}
