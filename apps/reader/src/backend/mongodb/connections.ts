import {
  GuardError,
  isUnauthorized,
  openReadConnection,
  type GuardedConnection,
  type OpenOptions,
} from '@freshet/guard'
import { Backoff, ConfigError, type Log, type Part } from '@freshet/kit'
import { controlCollection, identityId, messagesDatabase } from '@freshet/mongodb-rules'
import { MAX_RUNNING } from '../../messages/snapshots.ts'
import type { BackendTools, GuardReport } from '../contract.ts'

interface Place {
  readonly mongodbUri: string
  readonly database: string
  /** Whether messages are read too. */
  readonly messages: boolean
}

type Opened = readonly [
  feed: GuardedConnection,
  fills: GuardedConnection,
  messages: GuardedConnection | undefined,
]

/** Detects a primary step-down within this time. */
const HEARTBEAT_MS = 500

/** Each read of messages runs at most two queries at the same time. */
const MESSAGES_POOL_SIZE = 2 * MAX_RUNNING

/**
 * The guarded connections to one database. Feed, fills and reads of messages are separate, so that slow ones cannot delay
 * the others.
 */
class Connections implements Part {
  readonly name = 'database connections'
  readonly feed: GuardedConnection
  readonly fills: GuardedConnection

  /** To the database of messages; `undefined`: messages are off. */
  readonly messages: GuardedConnection | undefined

  private constructor([feed, fills, messages]: Opened) {
    this.feed = feed
    this.fills = fills
    this.messages = messages
  }

  /**
   * Opens all and proves that none can write. Nothing is left open on failure.
   * @throws {GuardError}
   * @throws {ConfigError} the database of messages was not prepared.
   */
  static async open({ mongodbUri: uri, database, messages }: Place, log: Log): Promise<Connections> {
    const opened: GuardedConnection[] = []
    const open = async (options: Omit<OpenOptions, 'uri' | 'log'>): Promise<GuardedConnection> => {
      const connection = await openReadConnection({ ...options, uri, log })
      opened.push(connection)
      return connection
    }
    try {
      const feed = await open({
        database,
        appName: 'freshet-reader-feed',
        heartbeatFrequencyMs: HEARTBEAT_MS,
      })
      const fills = await open({ database, appName: 'freshet-reader' })
      if (!messages) return new Connections([feed, fills, undefined])
      const ofMessages = await open({
        database: messagesDatabase(database),
        alsoReads: [database],
        appName: 'freshet-reader-messages',
        maxPoolSize: MESSAGES_POOL_SIZE,
      })
      await expectMessages(ofMessages)
      return new Connections([feed, fills, ofMessages])
    } catch (error) {
      await Promise.all(opened.map((connection) => connection.close()))
      throw error
    }
  }

  /** The combined status: a layer is in force if it is for all; counters are added up. */
  guard(): GuardReport {
    const [feed, ...others] = this.#all().map((connection) => connection.status())
    if (feed === undefined) throw new TypeError('expected a connection of the feed')
    const refusals: Record<string, number> = {}
    for (const [what, count] of [feed, ...others].flatMap((one) => Object.entries(one.refusals)))
      refusals[what] = (refusals[what] ?? 0) + count
    const faulty = [feed, ...others].find(({ fault }) => fault !== undefined) ?? feed
    const [fills = feed, messages] = others
    const client = { feed: feed.client, fills: fills.client, ...(messages && { messages: messages.client }) }
    const renewals = [feed, ...others].reduce((sum, one) => sum + one.renewals, 0)
    return { ...faulty, refusals, client, renewals }
  }

  start(): void {}

  async stop(): Promise<void> {
    await Promise.all(this.#all().map((connection) => connection.close()))
  }

  #all(): readonly GuardedConnection[] {
    return [this.feed, this.fills, ...(this.messages ? [this.messages] : [])]
  }
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

/** Retries while the database is unreachable: an outage during a rollout must not end new processes. */
const BACKOFF = { firstMs: 1_000, maxMs: 10_000 } as const

/**
 * Opens all when the database is reachable. `random`: in [0, 1).
 * @throws {ConfigError} retrying cannot help, for example if the user may write.
 */
export async function openConnections(
  place: Place,
  { log, clock, signal }: Pick<BackendTools, 'log' | 'clock' | 'signal'>,
  random: () => number,
): Promise<Connections> {
  const backoff = new Backoff(BACKOFF, random)
  for (;;) {
    try {
      return await Connections.open(place, log)
    } catch (error) {
      if (!(error instanceof GuardError)) throw error
      if (!error.retry)
        throw new ConfigError('BAD_VALUE', `--mongodb-uri-file: ${error.message}. ${error.remedy}`, {
          cause: error,
        })
      log.warn({ err: error }, 'the database is unreachable, retrying')
      await clock.sleep(backoff.next(), signal)
      signal.throwIfAborted()
    }
  }
}
