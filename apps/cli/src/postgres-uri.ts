import { ConfigError } from '@freshet/kit'

/** An address with this database. @throws {ConfigError} it is invalid; the message does not contain it. */
export function postgresUri(option: string, uri: string, database: string): string {
  if (!URL.canParse(uri))
    throw new ConfigError('BAD_VALUE', `--${option}: expected postgres://user:password@host:port/.`)
  const address = new URL(uri)
  address.pathname = `/${encodeURIComponent(database)}`
  return address.href
}
