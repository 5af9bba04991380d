/** What is looked at of an error of a MongoDB server, as the driver gives it. */
interface ServerRefusal {
  readonly code?: unknown
  hasErrorLabel(label: string): boolean
}

/** https://www.mongodb.com/docs/manual/reference/error-codes/: AuthenticationFailed and Unauthorized. */
const AUTHENTICATION_FAILED = 18
const UNAUTHORIZED = 13
/** What Atlas answers to whatever it does not do, from a wrong password to a command that it forbids (AtlasError). */
const ATLAS_ERROR = 8_000
/** The driver's label for what came while a connection was greeted and logged in. */
const HANDSHAKE = 'HandshakeError'

/**
 * What a server of MongoDB refuses: `stranger`, it does not know the user with this password; `forbidden`, it knows who
 * asks, and will not do it. Hosted servers have one code for both, so the moment decides. Otherwise nothing.
 */
export function refusalOf(error: ServerRefusal): 'stranger' | 'forbidden' | undefined {
  if (error.code === AUTHENTICATION_FAILED) return 'stranger'
  if (error.code === UNAUTHORIZED) return 'forbidden'
  if (error.code !== ATLAS_ERROR) return undefined
  return error.hasErrorLabel(HANDSHAKE) ? 'stranger' : 'forbidden'
}

/** What is looked at of the error of a driver that found no server to speak to. */
interface NoServer {
  readonly reason?: { readonly servers?: ReadonlyMap<string, unknown> } | undefined
}

/**
 * The servers that were looked for and that no address named: a replica set tells its members by the names that they
 * have among themselves, and these may mean nothing where we are, as in a container.
 * @param seeds `host` or `host:port`, as the address has them
 */
export function membersToldBy(error: NoServer, seeds: readonly string[]): readonly string[] {
  const named = new Set(seeds.map(withPort))
  return [...(error.reason?.servers?.keys() ?? [])].filter((server) => !named.has(withPort(server)))
}

/** https://www.mongodb.com/docs/manual/reference/connection-string/: without a port it is 27017. */
function withPort(server: string): string {
  return (/:\d+$/.test(server) ? server : `${server}:27017`).toLowerCase()
}
