import { MongoClient } from 'mongodb'
import { examineServer } from './examine-server.ts'
import { migrationErrorOf } from './driver-errors.ts'
import { badAddress } from './uri.ts'

/** How long to wait for a primary. A running server answers at once, and someone is waiting. */
const connectWithinMs = 5_000

/** An administrator client, not connected yet. @throws {MigrationError} BAD_ADDRESS */
function adminClient(uri: string): MongoClient {
  try {
    return new MongoClient(uri, {
      appName: 'freshet migrate',
      serverSelectionTimeoutMS: connectWithinMs,
      connectTimeoutMS: connectWithinMs,
      // Overrides the options of the address: what is created here is read back and must be durable.
      readPreference: 'primary',
      w: 'majority',
      journal: true,
    })
  } catch (error) {
    throw badAddress(error, uri)
  }
}

/**
 * Connects as administrator, checks that Freshet supports the server, runs `work`, and always closes the connection.
 * When `signal` aborts, the connection is closed at once and the promise rejects with the signal's reason.
 * @throws {MigrationError} also when the server refuses a command
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

/** Closing the client does not end all waits of the driver, for example that for a first connection. */
function untilAborted<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  if (signal === undefined) return work
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
