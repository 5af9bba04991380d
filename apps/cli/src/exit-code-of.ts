import { CollectionFileError } from '@freshet/documents'
import { GuardError } from '@freshet/guard'
import { ConfigError } from '@freshet/kit'
import { MigrationError } from '@freshet/migration'
import { CliError, cliFailures } from './errors.ts'
import { exitCodes } from './exit-codes.ts'

/** The exit code for what a command rejected with; nothing for what is none of our errors. */
export function exitCodeOf(error: unknown): number | undefined {
  if (error instanceof CliError) return cliFailures[error.code].exitCode
  if (error instanceof ConfigError || error instanceof CollectionFileError) return exitCodes.badConfig
  if (error instanceof GuardError) return error.exitCode
  if (error instanceof MigrationError)
    return error.code.endsWith('UNREACHABLE') ? exitCodes.unavailable : exitCodes.badConfig
  // Errors of the driver, which are handed on as they are.
  return error instanceof Error && error.name.startsWith('Mongo') ? exitCodes.unavailable : undefined
}
