import { CollectionFileError, loadCollections, type Collection } from '@freshet/documents'
import { ConfigError } from '@freshet/kit'
import { occupiedName } from '@freshet/messages'
import type { ServiceDefinition, ServiceTools } from '@freshet/service'
import { storedNameFaultOf } from './store/backend.ts'
import type { Backend } from './store/contract.ts'
import { writerOptions, type WriterConfig } from './options.ts'
import { writerApp, type WriterApp } from './writer-app.ts'

/** Parts that differ between processes. */
export interface WriterServiceParts {
  readonly version: string
  /** @throws {ConfigError} after closing everything it opened. */
  readonly open: (config: WriterConfig, tools: ServiceTools) => Backend
}

/** The service definition of the writer. */
export function writerService({
  version,
  open,
}: WriterServiceParts): ServiceDefinition<typeof writerOptions, WriterApp> {
  return {
    role: 'writer',
    version,
    description:
      'Accepts writes, validates them, and answers with their position once a majority of the database has them.',
    options: writerOptions,
    build: async (config, tools) => {
      const { maxBodyBytes, inFlightBytes, maxWrites, maxHops, readerUrl, unreadyAfterMs } = config
      if (maxBodyBytes > inFlightBytes)
        throw new ConfigError(
          'CONFLICT',
          '--max-body is larger than --in-flight-size, which all bodies share.',
        )
      const collections = await collectionsIn(config)
      const occupied = config.messages ? occupiedName(collections.keys()) : undefined
      if (occupied !== undefined)
        throw new ConfigError(
          'CONFLICT',
          `--collections: with --messages, no collection may be named ${occupied}, since /v1/${occupied} is a path of messages.`,
        )
      const { parts: before, ...backend } = open(config, tools)
      try {
        await backend.expectRights([...collections.values()].map(({ stored }) => stored))
      } catch (error) {
        for (const part of before.toReversed()) await part.stop()
        throw error
      }
      const limits = { maxBodyBytes, maxWrites, maxHops, unreadyAfterMs }
      const { messagesAdminRole } = config
      return writerApp({ ...backend, ...limits, collections, readerUrl, messagesAdminRole, before }, tools)
    },
  }
}

async function collectionsIn(config: WriterConfig): Promise<ReadonlyMap<string, Collection>> {
  try {
    return await loadCollections(config.collections, storedNameFaultOf(config))
  } catch (error) {
    if (!(error instanceof CollectionFileError)) throw error
    throw new ConfigError('BAD_VALUE', `--collections: ${error.message}`, { cause: error })
  }
}
