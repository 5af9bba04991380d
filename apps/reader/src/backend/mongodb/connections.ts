import { Connections } from '@freshet/change-stream-mongodb'
import { GuardError, isUnauthorized, type GuardedConnection } from '@freshet/guard'
import { ConfigError } from '@freshet/kit'
import { controlCollection, identityId, messagesDatabase } from '@freshet/mongodb-rules'
import { MAX_RUNNING } from '../../messages/snapshots.ts'
import type { BackendTools } from '../contract.ts'

interface Place {
  readonly mongodbUri: string
  readonly database: string
  /** Whether messages are read too. */
  readonly messages: boolean
}

/** Each read of messages runs at most two queries at the same time. */
const MESSAGES_POOL_SIZE = 2 * MAX_RUNNING

/**
 * Opens the connections of a reader when the database is reachable; `also` is that to the messages. `random`: in [0, 1).
 * @throws {ConfigError} retrying cannot help, for example if the user may write.
 */
export function openConnections(
  { mongodbUri: uri, database, messages }: Place,
  { log, clock, signal }: Pick<BackendTools, 'log' | 'clock' | 'signal'>,
  random: () => number,
): Promise<Connections> {
  return Connections.open({
    uri,
    database,
    appName: 'freshet-reader',
    log,
    clock,
    random,
    signal,
    also: messages
      ? {
          name: 'messages',
          database: messagesDatabase(database),
          alsoReads: [database],
          appName: 'freshet-reader-messages',
          maxPoolSize: MESSAGES_POOL_SIZE,
          check: expectMessages,
        }
      : undefined,
  })
}

/** How long the database may take to report what it contains. */
const CHECK_MS = 5_000

/** @throws {ConfigError} the migration did not create what messages need. @throws {GuardError} UNREACHABLE */
async function expectMessages(connection: GuardedConnection): Promise<void> {
  const command = { find: controlCollection, filter: { _id: identityId }, limit: 1, singleBatch: true }
  const found = await connection.run(command, { timeoutMs: CHECK_MS }).catch((error: unknown) => {
    if (error instanceof GuardError) throw error
    if (isUnauthorized(error)) return undefined
    throw new GuardError('UNREACHABLE', 'the database of messages did not answer', { cause: error })
  })
  if (found?.['cursor'].firstBatch.length === 1) return
  throw new ConfigError(
    'CONFLICT',
    `--messages: ${connection.database} is not prepared. Run \`freshet migrate --messages\`.`,
  )
}
