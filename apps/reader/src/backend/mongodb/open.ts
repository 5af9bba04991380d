import { mongoSource } from '@freshet/change-stream-mongodb'
import { mongodbCodec } from '@freshet/documents-mongodb'
import { ConfigError, defineOptions, ms, secret, type ConfigOf } from '@freshet/kit'
import { occupiedName } from '@freshet/messages'
import { storedNameFault } from '@freshet/mongodb-rules'
import { createReplica, defaultReplicaOptions } from '@freshet/replica'
import { documentEncoder } from '../../read-document.ts'
import type { Backend, BackendSettings, BackendTools } from '../contract.ts'
import { loadServed } from '../served.ts'
import { openConnections } from './connections.ts'
import { MongoMessageReads } from './message-reads.ts'

/** Options of a reader on MongoDB. */
export const mongodbOptions = defineOptions({
  mongodbUri: secret(
    'mongodb-uri',
    undefined,
    'The MongoDB URI of a read-only user; a user who may write is refused.',
  ),
  feedBatchMs: ms(
    'feed-batch',
    0,
    'Takes changes of MongoDB in batches, at most one in this time (up to 1s): cheaper, and visible that much later.',
    { max: 1_000 },
  ),
})

/** Loads the collection files, opens the guarded connections, and creates the replica. @throws {ConfigError} */
export async function openMongodb(
  config: ConfigOf<typeof mongodbOptions> & BackendSettings & { readonly mongodbUri: string },
  tools: BackendTools,
): Promise<Backend> {
  const { log, clock, inFlight } = tools
  const { places, access } = await loadServed(config.collections, storedNameFault)
  const occupied = config.messages ? occupiedName(places.keys()) : undefined
  if (occupied !== undefined)
    throw new ConfigError(
      'CONFLICT',
      `--collections: with --messages, no collection may be named ${occupied}, since /v1/${occupied} is a path of messages.`,
    )
  const connections = await openConnections(config, tools, Math.random)
  const { feed, reads, also: messages } = connections
  const { followed, ...source } = mongoSource({
    feed,
    reads,
    ...(messages && { others: [messages] }),
    collections: places,
    identity: { kind: 'control' },
    clock,
    batchEveryMs: config.feedBatchMs,
  })
  const replica = createReplica({
    ...source,
    collections: places,
    budget: inFlight.budget,
    encoder: documentEncoder(mongodbCodec.encode),
    options: { ...defaultReplicaOptions, cacheBytes: config.cacheBytes, fillWaitMs: config.fillWaitMs },
    clock,
    random: Math.random,
    log,
  })
  return {
    replica,
    access,
    guard: () => connections.status(),
    messages: messages && new MongoMessageReads({ connection: messages, followed, log }),
    parts: [connections],
  }
}
