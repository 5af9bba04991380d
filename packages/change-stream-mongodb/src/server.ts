import type { ReadConnection } from '@freshet/guard'
import { ChangeStreamError } from '@freshet/change-stream'
import { changeStreamErrorOf, unsupported } from './driver-errors.ts'

/** MongoDB 6.0 by the version of its wire protocol: what a server says of itself to anybody. */
const wireVersionOf6 = 17

/** What matters of the server that was reached. */
export interface Server {
  /**
   * Whether an event outside of a transaction is the only one of its time. Later versions delete expired documents in
   * batches (6.1), and put unrelated changes at one time (8.0).
   */
  readonly singlePositions: boolean
}

/**
 * Looks at what kind of server this is.
 * @throws {ChangeStreamError} UNSUPPORTED: no replica set, a sharded cluster, or older than 6.0; DISCONNECTED.
 */
export async function inspectServer(
  connection: ReadConnection,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Server> {
  const hello = await connection.run({ hello: 1 }, { timeoutMs, signal }).catch((error: unknown) => {
    throw changeStreamErrorOf(error, 'greet the server')
  })
  if (hello['msg'] === 'isdbgrid') throw notThis('a sharded cluster')
  // It has not read its configuration yet, or was taken out of the set: other members may be there.
  if (hello['isreplicaset'] === true)
    throw new ChangeStreamError(
      'DISCONNECTED',
      'expected a member of a replica set, got one that is in none yet',
    )
  if (typeof hello['setName'] !== 'string') throw notThis('a server that is in no replica set')
  const version: unknown = hello['maxWireVersion']
  if (typeof version !== 'number' || version < wireVersionOf6)
    throw notThis(`a server with the wire version ${String(version)}`)
  return { singlePositions: version === wireVersionOf6 }
}

const notThis = (got: string): ChangeStreamError =>
  unsupported(`expected a replica set of MongoDB 6.0 or newer, got ${got}`)
