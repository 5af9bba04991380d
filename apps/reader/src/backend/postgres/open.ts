import { ChangeStreamError } from '@freshet/change-stream'
import { postgresSource, tableNameFault, type PostgresSourceAndReads } from '@freshet/change-stream-postgres'
import { CollectionFileError, etagOf, loadCollections } from '@freshet/documents'
import { Backoff, ConfigError, defineOptions, secret, text, type ConfigOf, type Part } from '@freshet/kit'
import { createReplica, defaultReplicaOptions } from '@freshet/replica'
import type { GuardReport } from '@freshet/service'
import { documentEncoder } from '../../read-document.ts'
import type { Backend, BackendSettings, BackendTools } from '../contract.ts'

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

/** A row is JSON already when it leaves the source. The copy owns its memory. */
const encode = documentEncoder((document) => {
  const json = Buffer.from(document)
  return { json, etag: etagOf(json) }
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
  if (config.messages)
    throw new ConfigError('CONFLICT', '--messages: messages are stored in MongoDB. Serve them from there.')
  const collections = await loadCollections(config.collections, tableNameFault).catch((error: unknown) => {
    if (!(error instanceof CollectionFileError)) throw error
    throw new ConfigError('BAD_VALUE', `--collections: ${error.message}`, { cause: error })
  })
  const places = new Map([...collections].map(([name, { idType, stored }]) => [name, { idType, stored }]))
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
    await proveReadOnly(opened, tools, Math.random)
  } catch (error) {
    await opened.close()
    throw error
  }
  const replica = createReplica({
    source: opened.source,
    reads: opened.reads,
    collections: places,
    budget: inFlight.budget,
    encoder: encode,
    options: { ...defaultReplicaOptions, cacheBytes: config.cacheBytes, fillWaitMs: config.fillWaitMs },
    clock,
    random: Math.random,
    log,
  })
  const access = new Map([...collections].map(([name, { access: declared }]) => [name, declared.read]))
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
  if (!/^postgres(?:ql)?:/.test(postgresUri) || !URL.canParse(postgresUri))
    throw new ConfigError('BAD_VALUE', '--postgres-uri-file: expected postgres://user:password@host:port/.')
  const uri = new URL(postgresUri)
  uri.pathname = `/${encodeURIComponent(database)}`
  return uri.href
}

/** Retries while the database is unreachable: an outage during a rollout must not end new processes. */
const BACKOFF = { firstMs: 1_000, maxMs: 10_000 } as const

/** @throws {ConfigError} retrying cannot help, for example if the user may write. */
async function proveReadOnly(
  { user }: PostgresSourceAndReads,
  { log, clock, signal }: BackendTools,
  random: () => number,
): Promise<void> {
  const backoff = new Backoff(BACKOFF, random)
  for (;;) {
    try {
      return await user.prove()
    } catch (error) {
      if (!(error instanceof ChangeStreamError)) throw error
      if (!error.retry)
        throw new ConfigError('BAD_VALUE', `--postgres-uri-file: ${error.message}`, { cause: error })
      log.warn({ err: error }, 'the database is unreachable, retrying')
      await clock.sleep(backoff.next(), signal)
      signal.throwIfAborted()
    }
  }
}

function reportOf({ user }: PostgresSourceAndReads): GuardReport & { readonly user: string | undefined } {
  const { layers, fault, user: name } = user.status()
  return { layers, fault, user: name, refusals: {}, renewals: 0 }
}
