/** Where one server listens. */
export interface PostgresHost {
  /** A name, an IP address without brackets, or the folder of a Unix socket. */
  readonly host: string
  readonly port: number
}

/** Each costs connections whenever the primary is searched. */
const MAX_HOSTS = 16

const DEFAULT_PORT = 5432
const MAX_PORT = 65_535

/** Underscores are common in names of containers. */
const nameShape = /^[a-z0-9_][a-z0-9._-]{0,252}$/i

/**
 * Reads a list such as `a:5432,b,[::1]:5433`, or one folder, such as `%2Frun`. A host without a port has `port`, as in libpq. A fault never contains what was
 * given: without its percent-encoding, a password may be taken for a host.
 */
export function parseHosts(
  list: string,
  port = DEFAULT_PORT,
): { readonly hosts: readonly PostgresHost[] } | { readonly fault: string } {
  const texts = list.split(',')
  if (texts.length > MAX_HOSTS) return { fault: `expected at most ${MAX_HOSTS} hosts, got ${texts.length}` }
  const hosts: PostgresHost[] = []
  for (const [n, text] of texts.entries()) {
    const which = texts.length === 1 ? 'the host' : `host ${n + 1} of ${texts.length}`
    if (text === '') return { fault: `expected a name or an IP address as ${which}, got nothing` }
    const [, inBrackets, plain, portText] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([0-9]{0,5}))?$/.exec(text) ?? []
    const host = inBrackets ?? decoded(plain ?? '')
    const isName = (name: string): boolean => nameShape.test(name) || (texts.length === 1 && isFolder(name))
    if (host === undefined || !(inBrackets === undefined ? isName(host) : isIpv6(host)))
      return { fault: `expected a name, an IPv4 address or an IPv6 address in brackets as ${which}` }
    const own = portText === undefined || portText === '' ? port : Number(portText)
    if (own < 1 || own > MAX_PORT) return { fault: `expected a port from 1 to ${MAX_PORT} for ${which}` }
    hosts.push({ host, port: own })
  }
  return { hosts }
}

/** As it is written in messages. */
export function hostText({ host, port }: PostgresHost): string {
  return isFolder(host) ? `${host}/.s.PGSQL.${port}` : hostInAddress({ host, port })
}

export function hostInAddress({ host, port }: PostgresHost): string {
  if (isFolder(host)) return `${encodeURIComponent(host)}:${port}`
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

const isFolder = (host: string): boolean => host.startsWith('/')

const isIpv6 = (text: string): boolean => /^[0-9a-f:.]+$/i.test(text) && URL.canParse(`http://[${text}]/`)

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    // A lone percent sign.
    return undefined
  }
}
