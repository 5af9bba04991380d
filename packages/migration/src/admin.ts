import { MongoClient } from 'mongodb'
import { examineServer } from './examine-server.ts'
import { migrationErrorOf } from './driver-errors.ts'
import { badAddress } from './uri.ts'

/** The longest wait for a primary. It is a person or a job that waits, and a server that is there answers at once. */
const connectWithinMs = 5_000

/** A client of the administrator that is not connected yet. @throws {MigrationError} BAD_ADDRESS */
function adminClient(uri: string): MongoClient {
  try {
    return new MongoClient(uri, {
      appName: 'freshet migrate',
      serverSelectionTimeoutMS: connectWithinMs,
      connectTimeoutMS: connectWithinMs,
      // Whatever the address asks for: what is made here is looked at and must be there from then on.
      readPreference: 'primary',
      w: 'majority',
      journal: true,
    })
  } catch (error) {
    throw badAddress(error, uri)
  }
}

/**
 * Connects with the administrator's address, sees that the server is one that Freshet can work with, and does `work`;
 * always closes. When `signal` aborts the connection is closed at once and this rejects with the signal's reason.
 * @throws {MigrationError} also for what the server refuses, by code
 */
export async function asAdmin<T>(
  uri: string,
  signal: AbortSignal | undefined,
  work: (client: MongoClient) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted()
  const client = adminClient(uri)
  const stop = (): void => void client.close().catch(() => undefined)
  signal?.addEventListener('abort', stop, { once: true })
  try {
    await untilAborted(signal, client.connect())
    await untilAborted(signal, examineServer(client, uri))
    return await untilAborted(signal, work(client))
  } catch (error) {
    signal?.throwIfAborted()
    throw await migrationErrorOf(error, uri)
  } finally {
    signal?.removeEventListener('abort', stop)
    await client.close()
  }
}

/** The driver does not end every wait when its client is closed, such as that for a first connection. */
function untilAborted<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  if (signal === undefined) return work
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
