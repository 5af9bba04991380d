import type { ChangeStreamError } from '@freshet/change-stream'
import type { CollectionFileError } from '@freshet/documents'
import { CodedError, ConfigError } from '@freshet/kit'
import type { MigrationError } from '@freshet/migration'
import type { PostgresMigrationError } from '@freshet/migration-postgres'
import { CliError, cliFailures } from './errors.ts'
import { exitCodes } from './exit-codes.ts'

/** The exit code for an error, or `undefined` if the error is not ours. */
export function exitCodeOf(error: unknown): number | undefined {
  if (error instanceof CliError) return cliFailures[error.code].exitCode
  if (error instanceof ConfigError) return exitCodes.badConfig
  if (error instanceof CodedError) return error.exitCode
  // The names stand for classes of modules that only some commands load.
  if (isNamed<CollectionFileError>(error, 'CollectionFileError')) return exitCodes.badConfig
  if (isNamed<MigrationError>(error, 'MigrationError'))
    return error.code.endsWith('UNREACHABLE') ? exitCodes.unavailable : exitCodes.badConfig
  if (isNamed<PostgresMigrationError>(error, 'PostgresMigrationError'))
    return error.code === 'UNREACHABLE' ? exitCodes.unavailable : exitCodes.badConfig
  if (isNamed<ChangeStreamError>(error, 'ChangeStreamError'))
    return error.retry ? exitCodes.unavailable : exitCodes.badConfig
  // Driver errors are passed through unchanged.
  return error instanceof Error && error.name.startsWith('Mongo') ? exitCodes.unavailable : undefined
}

function isNamed<E extends Error>(error: unknown, name: E['name']): error is E {
  return error instanceof Error && error.name === name
}
