import type { Clock } from '@freshet/kit'
import { positionOfLsn, type Query } from '@freshet/postgres-rules'
import type { Position } from '@freshet/protocol'
import { randomBytes } from 'node:crypto'
import type { ReplicationStream } from './replication-stream.ts'
import { slotFault } from './server.ts'

export interface CreateSlotParts {
  readonly query: Query
  readonly clock: Clock
  readonly withinMs: number
}

/** A timer of Node.js may fire this much too early, in milliseconds. */
const timerSlackMs = 2

/**
 * Creates a slot that ends with the connection. The server waits until all transactions have ended that are running.
 * @throws {ChangeStreamError} which of them have not, among others.
 */
export async function createSlot(
  stream: ReplicationStream,
  { query, clock, withinMs }: CreateSlotParts,
): Promise<{ readonly slot: string; readonly at: Position }> {
  const slot = `freshet_${randomBytes(8).toString('hex')}`
  const statement = `CREATE_REPLICATION_SLOT ${slot} TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT`
  const lateAt = clock.now() + withinMs - timerSlackMs
  try {
    const created = await stream.command(statement, withinMs)
    return { slot, at: positionOfLsn(created.get('consistent_point') ?? '') }
  } catch (error) {
    // Without an answer, the first reason has to do.
    const late = clock.now() >= lateAt && (await slotFault(query, withinMs).catch(() => undefined))
    throw late || error
  }
}
