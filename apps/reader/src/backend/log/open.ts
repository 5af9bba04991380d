import { ChangeStreamError } from '@freshet/change-stream'
import {
  defaultLogSourceOptions,
  LogSource,
  loggedNameFault,
  openLog,
  parseLogAddress,
  type LogAddress,
  type LogTransport,
} from '@freshet/change-stream-log'
import { CollectionFileError, etagOf, loadCollections } from '@freshet/documents'
import { Backoff, ConfigError, defineOptions, ms, secret, type ConfigOf, type Part } from '@freshet/kit'
import { createReplica, defaultReplicaOptions } from '@freshet/replica'
import { documentEncoder } from '../../read-document.ts'
import type { Backend, BackendSettings, BackendTools } from '../contract.ts'

/** Options of a reader on a log. */
export const logOptions = defineOptions({
  logUri: secret(
    'log-uri',
    undefined,
    'The log that Debezium writes: kafka://host:9092/topic or nats://host:4222/stream. No database is needed.',
  ),
  beatWithinMs: ms(
    'log-heartbeat-within',
    defaultLogSourceOptions.beatWithinMs,
    'Without a record in the log for this long, answers state a growing age. Above heartbeat.interval.ms.',
  ),
})

/** A row is JSON already when it leaves the source. The copy owns its memory. */
const encode = documentEncoder((document) => {
  const json = Buffer.from(document)
  return { json, etag: etagOf(json) }
})

/**
 * Loads the collection files, checks the log, and creates the replica, which caches all documents.
 * @throws {ConfigError} nothing is left open.
 */
export async function openLogBackend(
  config: ConfigOf<typeof logOptions> & BackendSettings & { readonly logUri: string },
  tools: BackendTools,
): Promise<Backend> {
  const { log, clock, inFlight } = tools
  if (config.messages)
    throw new ConfigError('CONFLICT', '--messages: messages are stored in MongoDB. Serve them from there.')
  const collections = await loadCollections(config.collections, loggedNameFault).catch((error: unknown) => {
    if (!(error instanceof CollectionFileError)) throw error
    throw new ConfigError('BAD_VALUE', `--collections: ${error.message}`, { cause: error })
  })
  const places = new Map([...collections].map(([name, { idType, stored }]) => [name, { idType, stored }]))
  const transport = openLog(addressOf(config.logUri), clock)
  const connections: Part = {
    name: 'log connections',
    start: () => undefined,
    stop: () => transport.close(),
  }
  try {
    await check(transport, tools, Math.random)
  } catch (error) {
    await transport.close()
    throw error
  }
  const { database, beatWithinMs, cacheBytes, fillWaitMs } = config
  const replica = createReplica({
    source: new LogSource({ transport, database, collections: places, clock, options: { beatWithinMs } }),
    collections: places,
    budget: inFlight.budget,
    encoder: encode,
    options: { ...defaultReplicaOptions, cacheBytes, fillWaitMs },
    clock,
    random: Math.random,
    log,
  })
  const access = new Map([...collections].map(([name, { access: declared }]) => [name, declared.read]))
  // There is no connection to a database that could write.
  const guard = { layers: { noDatabase: 'standing' }, fault: undefined, refusals: {}, renewals: 0 } as const
  return { replica, access, guard: () => guard, parts: [connections] }
}

/** @throws {ConfigError} */
function addressOf(uri: string): LogAddress {
  const address = parseLogAddress(uri)
  if (address !== undefined) return address
  throw new ConfigError(
    'BAD_VALUE',
    '--log-uri-file: expected kafka://user:password@host:9092/topic or nats://user:password@host:4222/stream.',
  )
}

/** Retries while the log is unreachable: an outage during a rollout must not end new processes. */
const BACKOFF = { firstMs: 1_000, maxMs: 10_000 } as const

/** @throws {ConfigError} the log cannot be served, and retrying cannot help. */
async function check(
  transport: LogTransport,
  { log, clock, signal }: BackendTools,
  random: () => number,
): Promise<void> {
  const backoff = new Backoff(BACKOFF, random)
  for (;;) {
    try {
      const { fault, remedy } = await transport.identify(signal)
      if (fault === undefined) return
      throw new ChangeStreamError('UNSUPPORTED', `expected a log that is complete, ${fault}`, { remedy })
    } catch (error) {
      if (!(error instanceof ChangeStreamError)) throw error
      if (!error.retry)
        throw new ConfigError('BAD_VALUE', `--log-uri-file: ${error.message}`, { cause: error })
      log.warn({ err: error }, 'the log is unreachable, retrying')
      await clock.sleep(backoff.next(), signal)
      signal.throwIfAborted()
    }
  }
}
