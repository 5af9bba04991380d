import { serverOf, type ReadCommand, type ReadConnection } from '@freshet/guard'
import { ChangeStreamError } from '@freshet/change-stream'
import type { Position } from '@freshet/protocol'
import { compareTimes, timeOf, timeOfTimestamp } from './cluster-time.ts'
import { changeStreamErrorOf } from './driver-errors.ts'
import { timestampOf, type FollowedServer } from './reads.ts'

/** How much later than the server's time limit a reply may come. */
const REPLY_EXTRA_MS = 1_000

export interface SnapshotQueriesParts {
  readonly connection: ReadConnection
  /** The server that holds the feed: a position says nothing about the history of another. */
  readonly followed: Pick<FollowedServer, 'expect'>
}

/** Where and how long a query reads. */
export interface QueryAt {
  readonly at: Position
  /** The server's time limit. */
  readonly withinMs: number
  readonly signal: AbortSignal
}

/** Queries of the database of a connection, each as of one position. */
export class SnapshotQueries {
  readonly #parts: SnapshotQueriesParts

  constructor(parts: SnapshotQueriesParts) {
    this.#parts = parts
  }

  /**
   * Runs a `find` or `aggregate` whose results fit into one reply of 16 MB. Returns the documents as the driver decodes them.
   * @throws {ChangeStreamError} POSITION_UNAVAILABLE, also if the collection did not exist then; DENIED, DISCONNECTED
   */
  async run(command: ReadCommand, { at, withinMs, signal }: QueryAt): Promise<readonly unknown[]> {
    const { connection, followed } = this.#parts
    const readConcern = { level: 'snapshot', atClusterTime: timestampOf(at) }
    const maxTimeMS = Math.max(1, Math.ceil(withinMs))
    try {
      const options = { signal, timeoutMs: maxTimeMS + REPLY_EXTRA_MS }
      const reply = await connection.run({ ...command, maxTimeMS, readConcern }, options)
      followed.expect(serverOf(reply))
      const { atClusterTime, firstBatch, id } = reply['cursor']
      const time = timeOfTimestamp(atClusterTime)
      if (time === undefined || compareTimes(time, timeOf(at)) !== 0)
        throw new ChangeStreamError('POSITION_UNAVAILABLE', `expected a reply as of ${at}, got another one`)
      if (!id.isZero()) throw new TypeError('expected all results in one reply')
      return firstBatch
    } catch (error) {
      throw changeStreamErrorOf(error, `query '${connection.database}' at ${at}`)
    }
  }
}
