import type { ReadConnection } from '@freshet/guard'
import { ChangeStreamError } from '@freshet/change-stream'
import { changeStreamErrorOf, unsupported } from './driver-errors.ts'

/** The wire version of MongoDB 6.0. Servers report it before authentication. */
const wireVersionOf6 = 17

/** Relevant properties of the server. */
export interface Server {
  /**
   * Whether an event outside a transaction is the only one at its cluster time. Later versions delete expired documents
   * in batches (6.1) and give unrelated changes the same time (8.0).
   */
  readonly singlePositions: boolean
}

/**
 * Checks the kind of server.
 * @throws {ChangeStreamError} UNSUPPORTED: no replica set, a sharded cluster, or older than 6.0; DISCONNECTED.
 */
export async function inspectServer(
  connection: ReadConnection,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Server> {
  const hello = await connection.run({ hello: 1 }, { timeoutMs, signal }).catch((error: unknown) => {
    throw changeStreamErrorOf(error, 'run hello on the server')
  })
  if (hello['msg'] === 'isdbgrid') throw wrongServer('a sharded cluster')
  // It has not loaded its configuration yet or was removed from the set. Other members may be available.
  if (hello['isreplicaset'] === true)
    throw new ChangeStreamError(
      'DISCONNECTED',
      'expected a member of a replica set, got one that has not joined its set yet',
    )
  if (typeof hello['setName'] !== 'string') throw wrongServer('a server without a replica set')
  const version: unknown = hello['maxWireVersion']
  if (typeof version !== 'number' || version < wireVersionOf6)
    throw wrongServer(`wire version ${String(version)}`)
  return { singlePositions: version === wireVersionOf6 }
}

const wrongServer = (got: string): ChangeStreamError =>
  unsupported(`expected a replica set with MongoDB 6.0 or newer, got ${got}`)
