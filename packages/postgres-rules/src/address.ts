import { optionFault, ownOptions } from './address-options.ts'
import { hostInAddress, parseHosts, type PostgresHost } from './hosts.ts'

/** What an address says. */
export interface PostgresAddress {
  /** In the order in which they are preferred. */
  readonly hosts: readonly PostgresHost[]
  /** `connect_timeout`, for each host, in milliseconds. */
  readonly connectWithinMs: number | undefined
  /** The address of the first host, without the options above: what a driver understands. */
  readonly driverUri: string
}

/** Parts of an address that replace its own. */
export interface AddressParts {
  readonly user?: string
  readonly password?: string
  readonly database: string
}

/** Whether an address is one of PostgreSQL: `postgres://…` or `postgresql://…`. */
export function isPostgresAddress(uri: string): boolean {
  return /^postgres(?:ql)?:/.test(uri)
}

/** What is wrong with an address, without any part of it; `undefined` if nothing is. */
export function addressFault(uri: string): string | undefined {
  const read = split(uri)
  return 'fault' in read ? read.fault : undefined
}

/** @throws {TypeError} see {@link addressFault} */
export function postgresAddress(uri: string): PostgresAddress {
  const read = split(uri)
  if ('fault' in read) throw new TypeError(read.fault)
  const { hosts, url } = read
  const seconds = url.searchParams.get('connect_timeout')
  for (const option of ownOptions) url.searchParams.delete(option)
  return {
    hosts,
    connectWithinMs: seconds === null ? undefined : Number(seconds) * 1_000,
    driverUri: written(url, hosts.slice(0, 1).map(hostInAddress).join()),
  }
}

/** An address of PostgreSQL with these parts in place of its own; `undefined` if it is not valid. */
export function addressWith(uri: string, { user, password, database }: AddressParts): string | undefined {
  const read = split(uri)
  if ('fault' in read) return undefined
  const { url, place } = read
  if (user !== undefined) url.username = encodeURIComponent(user)
  if (password !== undefined) url.password = encodeURIComponent(password)
  url.pathname = `/${encodeURIComponent(database)}`
  return written(url, place)
}

/** An address of PostgreSQL with this database in place of its own; `undefined` if it is not valid. */
export function addressWithDatabase(uri: string, database: string): string | undefined {
  return addressWith(uri, { database })
}

/** The parts of an address, decoded, and its hosts, which may be shown; `undefined` if it is not valid. */
export function partsOfAddress(uri: string): Required<AddressParts & { readonly hosts: string }> | undefined {
  const read = split(uri)
  if ('fault' in read) return undefined
  const { username, password, pathname } = read.url
  return {
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)),
    hosts: read.list,
  }
}

const expected = 'expected postgres://user:password@host:port/'

const expectedEncoded =
  'expected %25 in place of a percent sign in the user, the password and the database, and no NUL'

/** In the place of the hosts, since `URL` does not understand several of them, or none before an option with one. */
const placeholder = 'hosts.invalid'

interface Split {
  readonly hosts: readonly PostgresHost[]
  /** What stood in the place of the hosts. */
  readonly place: string
  /** The hosts as they were given, there or in an option. */
  readonly list: string
  /** With the placeholder. */
  readonly url: URL
}

function split(uri: string): Split | { readonly fault: string } {
  // As in `URL`, the last @ ends the password, and a slash, a question mark or a hash sign the hosts.
  const [, scheme, user = '', place = '', rest = ''] =
    /^(postgres(?:ql)?:\/\/)([^/?#]*@)?([^/?#@]*)(.*)$/s.exec(uri) ?? []
  const plain = `${scheme}${user}${placeholder}${rest}`
  const one = place === '' || place.includes(',') ? plain : uri
  if (scheme === undefined || !URL.canParse(plain) || !URL.canParse(one) || rest.includes('#'))
    return { fault: expected }
  const url = new URL(plain)
  if (![url.username, url.password, url.pathname].every(isEncoded)) return { fault: expectedEncoded }
  const { searchParams: options } = url
  const fault = optionFault(options)
  if (fault !== undefined) return { fault }
  const [host, port] = ['host', 'port'].map((name) => options.get(name) ?? undefined)
  if (host !== undefined && place.includes(','))
    return { fault: 'host: expected none: the hosts are before the database already' }
  const list = host === undefined ? place : asInAddress(host)
  const read = parseHosts(list, port === undefined ? undefined : Number(port))
  return 'fault' in read ? read : { hosts: read.hosts, place, list: host ?? place, url }
}

/** Whether a part can be decoded. The driver would take it as it is, or for another one, and end it at a NUL. */
function isEncoded(part: string): boolean {
  try {
    return !decodeURIComponent(part).includes('\0')
  } catch {
    // A lone percent sign.
    return false
  }
}

/** In an option, an IPv6 address needs no brackets, and nothing is encoded once more. */
function asInAddress(host: string): string {
  if (host.includes('/')) return encodeURIComponent(host)
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}

function written(url: URL, place: string): string {
  const { protocol, username, password, pathname, search } = url
  const user = username === '' && password === '' ? '' : `${username}${password && `:${password}`}@`
  return `${protocol}//${user}${place}${pathname}${search}`
}
