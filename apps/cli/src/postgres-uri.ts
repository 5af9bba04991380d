import { ConfigError } from '@freshet/kit'
import { addressFault, addressWithDatabase } from '@freshet/postgres-rules'

/** An address with this database. @throws {ConfigError} it is invalid; the message does not contain it. */
export function postgresUri(option: string, uri: string, database: string): string {
  const address = addressWithDatabase(uri, database)
  if (address === undefined) throw new ConfigError('BAD_VALUE', `--${option}: ${String(addressFault(uri))}.`)
  return address
}
