import { mongoSource } from '@freshet/change-stream-mongodb'
import { CollectionFileError, loadCollections } from '@freshet/documents'
import { mongodbCodec } from '@freshet/documents-mongodb'
import { ConfigError } from '@freshet/kit'
import { storedNameFault } from '@freshet/mongodb-rules'
import { createReplica, defaultReplicaOptions } from '@freshet/replica'
import type { ServiceTools } from '@freshet/service'
import { Connections } from './connections.ts'
import { documentEncoder } from './cached-document.ts'
import type { ReaderConfig } from './options.ts'
import type { Backend } from './reader-service.ts'

/** Opens the database that is read: the collection files, the guarded connections, and a replica over them. */
export async function openBackend(
  config: ReaderConfig,
  { log, clock, inFlight }: ServiceTools,
): Promise<Backend> {
  const collections = await loadCollections(config.collections, storedNameFault).catch((error: unknown) => {
    if (!(error instanceof CollectionFileError)) throw error
    throw new ConfigError('BAD_VALUE', `--collections: ${error.message}`, { cause: error })
  })
  const connections = await Connections.open(config, log)
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
  const access = new Map(
    [...collections].map(
      ([
        name,
        {
          access: { read },
        },
      ]) => [name, read],
    ),
  )
  return { replica, access, guard: () => connections.guard(), parts: [connections] }
}
