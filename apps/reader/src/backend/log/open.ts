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
import { ConfigError, defineOptions, ms, secret, type ConfigOf, type Part } from '@freshet/kit'
import { createReplica, defaultReplicaOptions } from '@freshet/replica'
import type { Backend, BackendSettings, BackendTools } from '../contract.ts'
import { checked, rowEncoder } from '../rows.ts'
import { loadServed } from '../served.ts'

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

/**
 * Loads the collection files, checks the log, and creates the replica, which caches all documents.
 * @throws {ConfigError} nothing is left open.
 */
export async function openLogBackend(
  config: ConfigOf<typeof logOptions> & BackendSettings & { readonly logUri: string },
  tools: BackendTools,
): Promise<Backend> {
  const { log, clock, inFlight } = tools
  const { places, access } = await loadServed(config.collections, loggedNameFault)
  const transport = openLog(addressOf(config.logUri), clock)
  const connections: Part = {
    name: 'log connections',
    start: () => undefined,
    stop: () => transport.close(),
  }
  try {
    await checked('the log', '--log-uri-file', () => expectComplete(transport, tools.signal), tools)
  } catch (error) {
    await transport.close()
    throw error
  }
  const { database, beatWithinMs, cacheBytes, fillWaitMs } = config
  const replica = createReplica({
    source: new LogSource({
      transport,
      database,
      collections: places,
      clock,
      log,
      options: { beatWithinMs },
    }),
    collections: places,
    budget: inFlight.budget,
    encoder: rowEncoder,
    options: { ...defaultReplicaOptions, cacheBytes, fillWaitMs },
    clock,
    random: Math.random,
    log,
  })
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

/** @throws {ChangeStreamError} */
async function expectComplete(transport: LogTransport, signal: AbortSignal): Promise<void> {
  const { fault, remedy } = await transport.identify(signal)
  if (fault !== undefined)
    throw new ChangeStreamError('UNSUPPORTED', `expected a log that is complete, ${fault}`, { remedy })
}
