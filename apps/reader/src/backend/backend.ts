import { ConfigError, type ConfigOf } from '@freshet/kit'
import type { Backend, BackendSettings, BackendTools } from './contract.ts'
import { mongodbOptions, openMongodb } from './mongodb/open.ts'
import { openPostgres, postgresOptions } from './postgres/open.ts'

/** Options specific to a backend. The database is the one whose URI is set. */
export const backendOptions = { ...mongodbOptions, ...postgresOptions }

/**
 * Opens the backend, waiting until it is reachable. The only file that chooses the kind of database.
 * @throws {ConfigError} nothing is left open.
 */
export async function openBackend(
  config: ConfigOf<typeof backendOptions> & BackendSettings,
  tools: BackendTools,
): Promise<Backend> {
  const { mongodbUri, postgresUri } = config
  if (mongodbUri !== undefined && postgresUri !== undefined)
    throw new ConfigError('CONFLICT', 'Set --mongodb-uri-file or --postgres-uri-file, but not both.')
  if (mongodbUri !== undefined) return await openMongodb({ ...config, mongodbUri }, tools)
  if (postgresUri !== undefined) return await openPostgres({ ...config, postgresUri }, tools)
  throw new ConfigError(
    'MISSING',
    '--mongodb-uri-file or --postgres-uri-file is missing: the URI of a read-only user.',
  )
}
