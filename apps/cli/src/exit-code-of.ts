import { CollectionFileError } from '@freshet/documents'
import { GuardError } from '@freshet/guard'
import { ConfigError } from '@freshet/kit'
import { MigrationError } from '@freshet/migration'
import { CliError, cliFailures } from './errors.ts'
import { exitCodes } from './exit-codes.ts'

/** The exit code for an error, or `undefined` if the error is not ours. */
export function exitCodeOf(error: unknown): number | undefined {
  if (error instanceof CliError) return cliFailures[error.code].exitCode
  if (error instanceof ConfigError || error instanceof CollectionFileError) return exitCodes.badConfig
  if (error instanceof GuardError) return error.exitCode
  if (error instanceof MigrationError)
    return error.code.endsWith('UNREACHABLE') ? exitCodes.unavailable : exitCodes.badConfig
  // Driver errors are passed through unchanged.
  return error instanceof Error && error.name.startsWith('Mongo') ? exitCodes.unavailable : undefined
}
