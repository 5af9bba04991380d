import { mongoSource } from '@freshet/change-stream-mongodb'
import { CollectionFileError, loadCollections } from '@freshet/documents'
import { mongodbCodec } from '@freshet/documents-mongodb'
import { ConfigError, defineOptions, REQUIRED, secret, type ConfigOf } from '@freshet/kit'
import { storedNameFault } from '@freshet/mongodb-rules'
import { createReplica, defaultReplicaOptions } from '@freshet/replica'
import { documentEncoder } from '../../read-document.ts'
import type { Backend, BackendSettings, BackendTools } from '../contract.ts'
import { openConnections } from './connections.ts'

/** Options of a reader on MongoDB. */
export const mongodbOptions = defineOptions({
  mongodbUri: secret(
    'mongodb-uri',
    REQUIRED,
    'The MongoDB URI of a read-only user; a user who may write is refused.',
  ),
})

/** Loads the collection files, opens the guarded connections, and creates the replica. @throws {ConfigError} */
export async function openMongodb(
  config: ConfigOf<typeof mongodbOptions> & BackendSettings,
  tools: BackendTools,
): Promise<Backend> {
  const { log, clock, inFlight } = tools
  const collections = await loadCollections(config.collections, storedNameFault).catch((error: unknown) => {
    if (!(error instanceof CollectionFileError)) throw error
    throw new ConfigError('BAD_VALUE', `--collections: ${error.message}`, { cause: error })
  })
  const connections = await openConnections(config, tools, Math.random)
  const places = new Map([...collections].map(([name, { idType, stored }]) => [name, { idType, stored }]))
  const { feed, fills } = connections
  const replica = createReplica({
    ...mongoSource({ feed, reads: fills, collections: places, identity: { kind: 'control' }, clock }),
    collections: places,
    budget: inFlight.budget,
    encoder: documentEncoder(mongodbCodec.encode),
    options: { ...defaultReplicaOptions, cacheBytes: config.cacheBytes, fillWaitMs: config.fillWaitMs },
    clock,
    random: Math.random,
    log,
  })
  const access = new Map([...collections].map(([name, { access: declared }]) => [name, declared.read]))
  return { replica, access, guard: () => connections.guard(), parts: [connections] }
}
