/** A user of one database and the password. */
export interface Credentials {
  readonly user: string
  readonly password: string
  /** The database that holds the user and that the connection is for. */
  readonly database: string
}

/**
 * The same servers and options with other credentials: `mongodb://user:password@hosts/database?…`. Works on the text,
 * since an address with several hosts is no URL.
 */
export function withCredentials(uri: string, { user, password, database }: Credentials): string {
  const { scheme, hosts, options } = partsOf(uri, ['authSource'])
  const login = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`
  return `${scheme}://${login}@${hosts}/${database}?${[...options, `authSource=${database}`].join('&')}`
}

/** The hosts of an address, with their ports, as they stand there: what may be shown of it. */
export function hostsOf(uri: string): string {
  return partsOf(uri, []).hosts
}

/** The name of the replica set that an address asks for. */
export function setNameOf(uri: string): string | undefined {
  const option = partsOf(uri, []).options.find((option) => option.startsWith('replicaSet='))
  return option === undefined ? undefined : decodeURIComponent(option.slice('replicaSet='.length))
}

/** The same servers for a stranger; with `host` this one alone, whatever set it is of. */
export function withoutCredentials(uri: string, host?: string): string {
  const login = ['authSource', 'authMechanism', 'authMechanismProperties']
  const { scheme, hosts, options } = partsOf(uri, login)
  if (host === undefined) return `${scheme}://${hosts}/?${options.join('&')}`
  const ofSet = options.filter((option) => !/^(replicaSet|directConnection)=/.test(option))
  return `mongodb://${host}/?${[...ofSet, 'directConnection=true'].join('&')}`
}

interface UriParts {
  readonly scheme: string
  readonly hosts: string
  /** `name=value`, without those that were to be left out. */
  readonly options: readonly string[]
}

function partsOf(uri: string, leaveOut: readonly string[]): UriParts {
  const [, scheme = 'mongodb', hosts = '', query = ''] =
    /^([a-z+]+):\/\/(?:[^@/]*@)?([^/?]+)(?:\/[^?]*)?(?:\?(.*))?$/.exec(uri) ?? []
  const options = query
    .split('&')
    .filter((option) => option !== '' && !leaveOut.includes(option.split('=', 1)[0] ?? ''))
  return { scheme, hosts, options }
}
