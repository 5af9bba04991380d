/** The relevant parts of a server error, as the driver reports it. */
interface ServerRefusal {
  readonly code?: unknown
  hasErrorLabel(label: string): boolean
}

/** https://www.mongodb.com/docs/manual/reference/error-codes/: AuthenticationFailed and Unauthorized. */
const AUTHENTICATION_FAILED = 18
const UNAUTHORIZED = 13
/** Atlas's code for everything it rejects, from a wrong password to a forbidden command (AtlasError). */
const ATLAS_ERROR = 8_000
/** The driver's label for errors during handshake and login. */
const HANDSHAKE = 'HandshakeError'

/**
 * Classifies a server's rejection. `stranger`: unknown user or wrong password. `forbidden`: the user lacks the right.
 * Hosted servers use one code for both, so the stage decides. `undefined` for other errors.
 */
export function refusalOf(error: ServerRefusal): 'stranger' | 'forbidden' | undefined {
  if (error.code === AUTHENTICATION_FAILED) return 'stranger'
  if (error.code === UNAUTHORIZED) return 'forbidden'
  if (error.code !== ATLAS_ERROR) return undefined
  return error.hasErrorLabel(HANDSHAKE) ? 'stranger' : 'forbidden'
}

/** The relevant parts of the driver's error when no server was found. */
interface NoServer {
  readonly reason?: { readonly servers?: ReadonlyMap<string, unknown> } | undefined
}

/**
 * The servers that the driver tried but the address does not contain. Members of a replica set report the host names
 * they use among themselves, which may not resolve here, for example in a container.
 * @param seeds `host` or `host:port`, as in the address
 */
export function membersToldBy(error: NoServer, seeds: readonly string[]): readonly string[] {
  const named = new Set(seeds.map(withPort))
  return [...(error.reason?.servers?.keys() ?? [])].filter((server) => !named.has(withPort(server)))
}

/** https://www.mongodb.com/docs/manual/reference/connection-string/: without a port it is 27017. */
function withPort(server: string): string {
  return (/:\d+$/.test(server) ? server : `${server}:27017`).toLowerCase()
}
