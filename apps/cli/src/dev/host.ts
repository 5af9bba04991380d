import { createServer, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { CliError } from '../errors.ts'

/** Wildcard addresses and their loopback addresses. */
const wildcards: ReadonlyMap<string, string> = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
])

/** The address for local connections to a service that listens on `host`. */
export const loopbackOf = (host: string): string => wildcards.get(host) ?? host

/** A base URL without a trailing slash. */
export const urlOf = (host: string, port: number | string): string =>
  `http://${isIPv6(host) ? `[${host}]` : host}:${port}`

/** The same URL for local connections, with wildcard addresses replaced. */
export function localUrlOf(url: string): string {
  const { hostname, port } = new URL(url)
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  return wildcards.has(host) ? urlOf(loopbackOf(host), port) : url
}

/** Addresses for other machines to reach a service that listens on `host`; empty for the loopback interface. */
export function externalHosts(host: string): readonly string[] {
  if (host === 'localhost' || host === '::1' || host.startsWith('127.')) return []
  if (!wildcards.has(host)) return [host]
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, family }) => !internal && (family === 'IPv4' || host === '::'))
    .map(({ address }) => address)
    .filter((address) => !address.startsWith('fe80:'))
}

/** Checks that services can listen on this address. @throws {CliError} BAD_HOST */
export async function requireHost(host: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (cause) =>
      reject(new CliError('BAD_HOST', `cannot listen on --host=${host} (${cause.message}).`, { cause })),
    )
    probe.listen(0, host, () => probe.close(() => resolve()))
  })
}
