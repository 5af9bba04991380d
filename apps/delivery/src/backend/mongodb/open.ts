import { Connections, defaultMongoSourceOptions, MongoSource } from '@freshet/change-stream-mongodb'
import { defineOptions, REQUIRED, secret, type ConfigOf } from '@freshet/kit'
import { messageCollections, messagesDatabase } from '@freshet/mongodb-rules'
import type { Backend, BackendSettings, BackendTools } from '../contract.ts'
import { contentOf } from './decode.ts'
import { MongoUserReads } from './user-reads.ts'

/** Options of a delivery service on MongoDB. */
export const mongodbOptions = defineOptions({
  mongodbUri: secret(
    'mongodb-uri',
    REQUIRED,
    'The MongoDB URI of a user who can only read messages; one who can do more is refused.',
  ),
})

/** Opens the guarded connections. @throws {ConfigError} */
export async function openMongodb(
  { mongodbUri, database, windowMs }: ConfigOf<typeof mongodbOptions> & BackendSettings,
  tools: BackendTools,
): Promise<Backend> {
  const { log, clock, signal } = tools
  const connections = await Connections.open({
    uri: mongodbUri,
    database: messagesDatabase(database),
    appName: 'freshet-delivery',
    log,
    clock,
    random: Math.random,
    signal,
  })
  const { feed, reads } = connections
  const { messages, memberships, cursors, revocations } = messageCollections
  const windowSeconds = Math.ceil(windowMs / 1_000)
  const source = new MongoSource({
    connection: feed,
    alsoCheck: reads,
    collections: new Map([messages, memberships, cursors, revocations].map((name) => [name, 'string'])),
    identity: { kind: 'control' },
    clock,
    options: {
      ...defaultMongoSourceOptions,
      // A start is this far behind.
      maxBehindSeconds: windowSeconds + defaultMongoSourceOptions.maxBehindSeconds,
    },
    events: { insertsOnly: [messages], startSecondsBack: windowSeconds },
  })
  return {
    source,
    contentOf,
    reads: new MongoUserReads({ connection: reads, clock, followed: source.followed }),
    guard: () => connections.status(),
    parts: [connections],
  }
}
