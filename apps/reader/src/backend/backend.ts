import { ConfigError, type ConfigOf } from '@freshet/kit'
import type { Backend, BackendSettings, BackendTools } from './contract.ts'
import { logOptions, openLogBackend } from './log/open.ts'
import { mongodbOptions, openMongodb } from './mongodb/open.ts'
import { openPostgres, postgresOptions } from './postgres/open.ts'

/** Options specific to a backend. The database is the one whose URI is set. */
export const backendOptions = { ...mongodbOptions, ...postgresOptions, ...logOptions }

/**
 * Opens the backend, waiting until it is reachable. The only file that chooses the kind of database.
 * @throws {ConfigError} nothing is left open.
 */
export async function openBackend(
  config: ConfigOf<typeof backendOptions> & BackendSettings,
  tools: BackendTools,
): Promise<Backend> {
  const { mongodbUri, postgresUri, logUri } = config
  if ([mongodbUri, postgresUri, logUri].filter((uri) => uri !== undefined).length > 1)
    throw new ConfigError(
      'CONFLICT',
      'Set one of --mongodb-uri-file, --postgres-uri-file and --log-uri-file, and not several.',
    )
  if (mongodbUri !== undefined) return await openMongodb({ ...config, mongodbUri }, tools)
  if (config.messages && (postgresUri ?? logUri) !== undefined)
    throw new ConfigError('CONFLICT', '--messages: messages are stored in MongoDB. Serve them from there.')
  if (postgresUri !== undefined) return await openPostgres({ ...config, postgresUri }, tools)
  if (logUri !== undefined) return await openLogBackend({ ...config, logUri }, tools)
  throw new ConfigError(
    'MISSING',
    '--mongodb-uri-file, --postgres-uri-file or --log-uri-file is missing: the URI of a read-only user, or of a log.',
  )
}
