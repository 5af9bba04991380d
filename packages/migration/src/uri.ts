import { ConnectionString } from 'mongodb-connection-string-url'
import { MigrationError } from './errors.ts'

/** A user of one database and the password. */
export interface Credentials {
  readonly user: string
  readonly password: string
  /** The database that holds the user and that the connection is for. */
  readonly database: string
}

/** Options that say who one is. */
const ofLogin = ['authSource', 'authMechanism', 'authMechanismProperties']
/** Options that only a name in the DNS has. */
const ofSrv = ['srvMaxHosts', 'srvServiceName']

/** The same servers and options with other credentials, which are a user and a password whatever those before were. */
export function withCredentials(uri: string, { user, password, database }: Credentials): string {
  const address = parsed(uri)
  for (const option of ofLogin) address.searchParams.delete(option)
  address.username = encodeURIComponent(user)
  address.password = encodeURIComponent(password)
  address.pathname = `/${encodeURIComponent(database)}`
  address.searchParams.set('authSource', database)
  return address.toString()
}

/** The hosts of an address, with their ports, as they stand there: what may be shown of it. */
export function hostsOf(uri: string): string {
  return parsed(uri).hosts.join()
}

/** The name of the replica set that an address asks for. */
export function setNameOf(uri: string): string | undefined {
  return parsed(uri).searchParams.get('replicaSet') ?? undefined
}

/** Whether an address names its servers by a record of the DNS. */
export function isSrv(uri: string): boolean {
  return parsed(uri).isSRV
}

/** The same servers for a stranger; with `host` this one alone, whatever set it is of. */
export function withoutCredentials(uri: string, host?: string): string {
  const address = parsed(uri)
  for (const option of ofLogin) address.searchParams.delete(option)
  address.username = ''
  address.password = ''
  address.pathname = '/'
  if (host === undefined) return address.toString()
  const one = new ConnectionString(`mongodb://${host}/`)
  for (const [name, value] of address.searchParams) one.searchParams.append(name, value)
  for (const option of ['replicaSet', 'directConnection', ...ofSrv]) one.searchParams.delete(option)
  // https://www.mongodb.com/docs/manual/reference/connection-string/#srv-connection-format
  if (address.isSRV && !one.searchParams.has('tls') && !one.searchParams.has('ssl'))
    one.searchParams.set('tls', 'true')
  one.searchParams.set('directConnection', 'true')
  return one.toString()
}

/** Read as the driver reads it, whose own parser this is: names of options in any case. @throws {MigrationError} BAD_ADDRESS */
function parsed(uri: string): ConnectionString {
  try {
    return new ConnectionString(uri)
  } catch (error) {
    throw badAddress(error, uri)
  }
}

/** Without `cause`: the driver's message may quote the whole address, and with it the password. */
export function badAddress(error: unknown, uri: string): MigrationError {
  const why = error instanceof Error ? error.message.replaceAll(uri, '<address>') : 'refused by the driver'
  return new MigrationError('BAD_ADDRESS', `${why}.`)
}
