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
  const [, scheme = 'mongodb', hosts = '', query = ''] =
    /^([a-z+]+):\/\/(?:[^@/]*@)?([^/?]+)(?:\/[^?]*)?(?:\?(.*))?$/.exec(uri) ?? []
  const options = query.split('&').filter((option) => option !== '' && !option.startsWith('authSource='))
  const login = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`
  return `${scheme}://${login}@${hosts}/${database}?${[...options, `authSource=${database}`].join('&')}`
}
