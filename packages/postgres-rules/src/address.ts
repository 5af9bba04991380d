import { hostText, parseHosts, type PostgresHost } from './hosts.ts'

/** What an address says. */
export interface PostgresAddress {
  /** In the order in which they are preferred. */
  readonly hosts: readonly PostgresHost[]
  /** Several hosts, or `target_session_attrs`: what answers must be asked whether it is the primary. */
  readonly searched: boolean
  /** `connect_timeout`, for each host, in milliseconds. Only if `searched`. */
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
  const { list, hosts, searched, url } = read
  if (!searched) return { hosts, searched, connectWithinMs: undefined, driverUri: uri }
  const seconds = url.searchParams.get('connect_timeout')
  for (const option of ownOptions) url.searchParams.delete(option)
  return {
    hosts,
    searched,
    connectWithinMs: seconds === null ? undefined : Number(seconds) * 1_000,
    driverUri: written(url, list === undefined ? undefined : hosts.slice(0, 1).map(hostText).join()),
  }
}

/** An address of PostgreSQL with these parts in place of its own; `undefined` if it is not valid. */
export function addressWith(uri: string, { user, password, database }: AddressParts): string | undefined {
  const read = split(uri)
  if ('fault' in read) return undefined
  const { url, list } = read
  if (user !== undefined) url.username = encodeURIComponent(user)
  if (password !== undefined) url.password = encodeURIComponent(password)
  url.pathname = `/${encodeURIComponent(database)}`
  return written(url, list)
}

/** An address of PostgreSQL with this database in place of its own; `undefined` if it is not valid. */
export function addressWithDatabase(uri: string, database: string): string | undefined {
  return addressWith(uri, { database })
}

/** The parts of an address, decoded, and its hosts, which may be shown; `undefined` if it is not valid. */
export function partsOfAddress(uri: string): Required<AddressParts & { readonly hosts: string }> | undefined {
  const read = split(uri)
  if ('fault' in read) return undefined
  const { username, password, pathname, host } = read.url
  return {
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)),
    hosts: read.list ?? host,
  }
}

/** Options that are acted on here, and that the driver does not know. */
const ownOptions = ['target_session_attrs', 'load_balance_hosts', 'connect_timeout', 'port'] as const

const expected = 'expected postgres://user:password@host:port/'

/** Where the list of hosts was, which `URL` does not understand. */
const placeholder = 'hosts.invalid'

interface Split {
  readonly hosts: readonly PostgresHost[]
  readonly searched: boolean
  /** As it was given, if there are several hosts; `url` then has a placeholder. */
  readonly list: string | undefined
  readonly url: URL
}

function split(uri: string): Split | { readonly fault: string } {
  // As in `URL`, the last @ ends the password, and a slash, a question mark or a hash sign the hosts.
  const [, scheme, user = '', list = '', rest = ''] =
    /^(postgres(?:ql)?:\/\/)([^/?#]*@)?([^/?#@]*)(.*)$/s.exec(uri) ?? []
  const several = list.includes(',')
  const plain = several ? `${scheme}${user}${placeholder}${rest}` : uri
  if (scheme === undefined || !URL.canParse(plain) || (several && rest.includes('#')))
    return { fault: expected }
  const url = new URL(plain)
  const { searchParams: options } = url
  const searched = several || options.has('target_session_attrs')
  const fault = optionFault(options, searched)
  if (fault !== undefined) return { fault }
  if (!searched) return { hosts: [], searched, list: undefined, url }
  const port = options.get('port')
  const read = parseHosts(list, port === null ? undefined : Number(port))
  return 'fault' in read ? read : { hosts: read.hosts, searched, list: several ? list : undefined, url }
}

/** https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS */
function optionFault(options: URLSearchParams, searched: boolean): string | undefined {
  for (const name of new Set(options.keys())) {
    const values = options.getAll(name)
    const fault =
      values.length > 1 && searched ? 'expected it once' : faultOf(name, values[0] ?? '', searched)
    if (fault !== undefined) return `${name}: ${fault}`
  }
  return undefined
}

function faultOf(name: string, value: string, searched: boolean): string | undefined {
  switch (name) {
    case 'target_session_attrs':
      if (value === 'primary' || value === 'read-write') return undefined
      return 'expected primary or read-write: everything is read from the primary, and written to it'
    case 'load_balance_hosts':
      return value === 'disable' ? undefined : 'expected disable: there is one primary'
    case 'hostaddr':
      return 'expected none: put the IP addresses in place of the hosts'
    case 'host':
      if (!searched && !value.includes(',')) return undefined
      return 'expected none: put the hosts before the database, as in postgres://user:password@a:5432,b:5432/'
    case 'port':
      if (!searched && !value.includes(',')) return undefined
      return /^[1-9][0-9]{0,4}$/.test(value) ? undefined : 'expected one port for all hosts'
    case 'connect_timeout':
      // The driver ignores it for one host, and always did.
      return !searched || /^(?:[1-9]|[1-5][0-9]|60)$/.test(value)
        ? undefined
        : 'expected 1 to 60 seconds for each host'
    default:
      return undefined
  }
}

function written(url: URL, list: string | undefined): string {
  if (list === undefined) return url.href
  const { protocol, username, password, pathname, search } = url
  const user = username === '' && password === '' ? '' : `${username}${password && `:${password}`}@`
  return `${protocol}//${user}${list}${pathname}${search}`
}
