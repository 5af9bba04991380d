import { ConnectionString } from 'mongodb-connection-string-url'
import { MigrationError } from './errors.ts'

/** User and password for one database. */
export interface Credentials {
  readonly user: string
  readonly password: string
  /** Both the authentication database and the default database. */
  readonly database: string
}

/** Authentication options. */
const authOptions = ['authSource', 'authMechanism', 'authMechanismProperties']
/** Options that are valid only with an SRV record. */
const srvOptions = ['srvMaxHosts', 'srvServiceName']

/** The same servers and options with this user and password, whatever the authentication was before. */
export function withCredentials(uri: string, { user, password, database }: Credentials): string {
  const address = parsed(uri)
  for (const option of authOptions) address.searchParams.delete(option)
  address.username = encodeURIComponent(user)
  address.password = encodeURIComponent(password)
  address.pathname = `/${encodeURIComponent(database)}`
  address.searchParams.set('authSource', database)
  return address.toString()
}

/** The user and password in an address; empty if it has none. @throws {MigrationError} BAD_ADDRESS */
export function credentialsOf(uri: string): Pick<Credentials, 'user' | 'password'> {
  const { username, password } = parsed(uri)
  return { user: decodeURIComponent(username), password: decodeURIComponent(password) }
}

/** The same address for the first of its servers, whatever its replica set. */
export function withoutSet(uri: string): string {
  const address = parsed(uri)
  address.hosts = address.hosts.slice(0, 1)
  address.searchParams.delete('replicaSet')
  address.searchParams.set('directConnection', 'true')
  return address.toString()
}

/** Hosts and ports of an address: the part that may be logged. */
export function hostsOf(uri: string): string {
  return parsed(uri).hosts.join()
}

/** The replica set name in an address. */
export function setNameOf(uri: string): string | undefined {
  return parsed(uri).searchParams.get('replicaSet') ?? undefined
}

/** Whether an address uses an SRV record. */
export function isSrv(uri: string): boolean {
  return parsed(uri).isSRV
}

/** The same servers without credentials. With `host`, only this one, whatever its replica set. */
export function withoutCredentials(uri: string, host?: string): string {
  const address = parsed(uri)
  for (const option of authOptions) address.searchParams.delete(option)
  address.username = ''
  address.password = ''
  address.pathname = '/'
  if (host === undefined) return address.toString()
  const one = new ConnectionString(`mongodb://${host}/`)
  for (const [name, value] of address.searchParams) one.searchParams.append(name, value)
  for (const option of ['replicaSet', 'directConnection', ...srvOptions]) one.searchParams.delete(option)
  // https://www.mongodb.com/docs/manual/reference/connection-string/#srv-connection-format
  if (address.isSRV && !one.searchParams.has('tls') && !one.searchParams.has('ssl'))
    one.searchParams.set('tls', 'true')
  one.searchParams.set('directConnection', 'true')
  return one.toString()
}

/** Uses the driver's own parser: option names are case-insensitive. @throws {MigrationError} BAD_ADDRESS */
function parsed(uri: string): ConnectionString {
  try {
    return new ConnectionString(uri)
  } catch (error) {
    throw badAddress(error, uri)
  }
}

/** Has no `cause`: the driver's message may contain the address, including the password. */
export function badAddress(error: unknown, uri: string): MigrationError {
  const why =
    error instanceof Error
      ? error.message.replaceAll(uri || '<address>', '<address>')
      : 'refused by the driver'
  return new MigrationError('BAD_ADDRESS', `${why}.`)
}
