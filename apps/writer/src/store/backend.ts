import { ConfigError, type ConfigOf } from '@freshet/kit'
import { storedNameFault } from '@freshet/mongodb-rules'
import { tableNameFault } from '@freshet/postgres-rules'
import type { StoredNameFault } from '@freshet/protocol'
import type { Backend, BackendSettings, BackendTools } from './contract.ts'
import { mongodbOptions, openMongodb } from './mongodb/open.ts'
import { openPostgres, postgresOptions } from './postgres/open.ts'

/** Options specific to a kind of database. The database is the one whose address is set. */
export const backendOptions = { ...mongodbOptions, ...postgresOptions }

type BackendConfig = ConfigOf<typeof backendOptions>

/** Tells why the database cannot have a collection of this name, if so. */
export function storedNameFaultOf({ postgresUri }: Pick<BackendConfig, 'postgresUri'>): StoredNameFault {
  return postgresUri === undefined ? storedNameFault : tableNameFault
}

/** Opens the database to write to. Only this file chooses its kind. @throws {ConfigError} */
export function openBackend(config: BackendConfig & BackendSettings, tools: BackendTools): Backend {
  const { mongodbUri, postgresUri } = config
  if (mongodbUri !== undefined && postgresUri !== undefined)
    throw new ConfigError('CONFLICT', 'Set --mongodb-uri-file or --postgres-uri-file, but not both.')
  if (mongodbUri !== undefined) return openMongodb({ ...config, mongodbUri }, tools)
  if (postgresUri !== undefined) return openPostgres({ ...config, postgresUri }, tools)
  throw new ConfigError(
    'MISSING',
    '--mongodb-uri-file or --postgres-uri-file is missing: the address with the user of the writer.',
  )
}
