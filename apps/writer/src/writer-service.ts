import { CollectionFileError, loadCollections, type Collection } from '@freshet/collections'
import { Backoff, ConfigError } from '@freshet/kit'
import type { ServiceDefinition } from '@freshet/service'
import type { Encoding } from './encoding.ts'
import { writerOptions } from './options.ts'
import { DatabaseConnection } from './store/connection.ts'
import { MongoControlStore } from './store/control-store.ts'
import { MongoStore } from './store/mongo-store.ts'
import { writerApp } from './writer-app.ts'

/** How often a write that meets another one is tried again, and the waits between. */
const RETRIES = 5
const PAUSES = { firstMs: 4, maxMs: 100 }

/** What is different from process to process. */
export interface WriterServiceParts {
  readonly version: string
  readonly encoding: Encoding
  /** In [0, 1). */
  readonly random: () => number
}

/** The writer as `runService` wants it. */
export function writerService({
  version,
  encoding,
  random,
}: WriterServiceParts): ServiceDefinition<typeof writerOptions> {
  return {
    role: 'writer',
    version,
    says: 'Takes writes, checks them, and answers when a majority of the database has them, with their position.',
    options: writerOptions,
    build: async (config, tools) => {
      const { mongodbUri: uri, database, maxWrites, acknowledgeWithinMs, readerUrl, unreadyAfterMs } = config
      const collections = await collectionsIn(config.collections)
      const connection = new DatabaseConnection({ uri, maxWrites, acknowledgeWithinMs })
      const { client } = connection
      const pauses = () => new Backoff(PAUSES, random)
      const retries = { times: RETRIES, pauses, clock: tools.clock }
      return writerApp(
        {
          store: new MongoStore({ client, database, acknowledgeWithinMs, retries }),
          control: new MongoControlStore(client, database, acknowledgeWithinMs),
          onBroken: (listener) => connection.onBroken(listener),
          collections,
          encoding,
          maxBodyBytes: config.maxBodyBytes,
          maxWrites,
          readerUrl,
          unreadyAfterMs,
          before: [connection],
        },
        tools,
      )
    },
  }
}

async function collectionsIn(folder: string): Promise<ReadonlyMap<string, Collection>> {
  try {
    return await loadCollections(folder)
  } catch (error) {
    if (!(error instanceof CollectionFileError)) throw error
    throw new ConfigError('BAD_VALUE', `--collections: ${error.message}`, { cause: error })
  }
}
