import { SharedNext } from '@freshet/kit'
import type { Position } from '@freshet/protocol'
import { controlCollection } from '@freshet/roles'
import type { DatabaseConnection } from './connection.ts'
import { databaseOf } from './database-of.ts'
import { positionIn, writeErrorOf } from './replies.ts'

/** What {@link laterPosition} is made of. */
export interface LaterPositionOptions {
  readonly connection: Pick<DatabaseConnection, 'control'>
  readonly database: string
  /** How long a majority may take to acknowledge, in milliseconds. */
  readonly acknowledgeWithinMs: number
}

/**
 * The position of a write of our own that a majority acknowledged, begun after it was asked for: it is not before
 * anything that a majority had then, whichever server takes it. For what was done when its reply does not tell its time:
 * a server that has no key yet to sign times with tells none, as one does for some seconds after a start. Rejects with
 * an error of the driver, or another one.
 */
export function laterPosition(options: LaterPositionOptions): SharedNext<Position> {
  const { connection, database, acknowledgeWithinMs } = options
  return new SharedNext(async () => {
    const reply = await databaseOf(connection.control, database).command({
      update: controlCollection,
      updates: [{ q: { _id: 'heartbeat' }, u: { $inc: { beats: 1 } } }],
      writeConcern: { w: 'majority', j: true, wtimeout: acknowledgeWithinMs },
    })
    // One that finds nothing, as where the heartbeat is gone, has the time of the newest thing that the server had.
    const at = writeErrorOf(reply) === undefined ? positionIn(reply) : undefined
    if (at === undefined) throw new Error('expected a time in the reply to a write, got none')
    return at
  })
}
