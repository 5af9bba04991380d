import {
  addressFault,
  addressWithDatabase,
  postgresSource,
  tableNameFault,
  type PostgresSourceAndReads,
} from '@freshet/change-stream-postgres'
import { ConfigError, defineOptions, secret, text, type ConfigOf, type Part } from '@freshet/kit'
import { createReplica, defaultReplicaOptions } from '@freshet/replica'
import type { GuardReport } from '@freshet/service'
import type { Backend, BackendSettings, BackendTools } from '../contract.ts'
import { checked, rowEncoder } from '../rows.ts'
import { loadServed } from '../served.ts'

/** Options of a reader on PostgreSQL. */
export const postgresOptions = defineOptions({
  postgresUri: secret(
    'postgres-uri',
    undefined,
    'The PostgreSQL URI of a read-only user with REPLICATION; a user who may write is refused.',
  ),
  publication: text(
    'publication',
    'freshet',
    'The PostgreSQL publication with the tables of all collections.',
  ),
})

/**
 * Loads the collection files, checks that the user cannot write, and creates the replica.
 * @throws {ConfigError} nothing is left open.
 */
export async function openPostgres(
  config: ConfigOf<typeof postgresOptions> & BackendSettings & { readonly postgresUri: string },
  tools: BackendTools,
): Promise<Backend> {
  const { log, clock, inFlight } = tools
  const { places, access } = await loadServed(config.collections, tableNameFault)
  const opened = postgresSource({
    uri: uriOf(config),
    appName: 'freshet-reader',
    publication: config.publication,
    collections: places,
    clock,
  })
  const connections: Part = {
    name: 'database connections',
    start: () => undefined,
    stop: () => opened.close(),
  }
  try {
    await checked('the database', '--postgres-uri-file', () => opened.user.prove(), tools)
  } catch (error) {
    await opened.close()
    throw error
  }
  const replica = createReplica({
    source: opened.source,
    reads: opened.reads,
    collections: places,
    budget: inFlight.budget,
    encoder: rowEncoder,
    options: { ...defaultReplicaOptions, cacheBytes: config.cacheBytes, fillWaitMs: config.fillWaitMs },
    clock,
    random: Math.random,
    log,
  })
  return { replica, access, guard: () => reportOf(opened), parts: [connections] }
}

/** @throws {ConfigError} the URI is invalid. */
function uriOf({
  postgresUri,
  database,
}: {
  readonly postgresUri: string
  readonly database: string
}): string {
  const uri = addressWithDatabase(postgresUri, database)
  if (uri === undefined)
    throw new ConfigError('BAD_VALUE', `--postgres-uri-file: ${String(addressFault(postgresUri))}.`)
  return uri
}

function reportOf({ user }: PostgresSourceAndReads): GuardReport & { readonly user: string | undefined } {
  const { layers, fault, user: name } = user.status()
  return { layers, fault, user: name, refusals: {}, renewals: 0 }
}
