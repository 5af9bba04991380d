import { createServer, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { CliError } from '../errors.ts'

/** Addresses that stand for every one of this machine, and the loopback that each has. */
const wildcards: ReadonlyMap<string, string> = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
])

/** What a process of this machine speaks to when a service listens on `host`. */
export const loopbackOf = (host: string): string => wildcards.get(host) ?? host

/** A base URL without a final slash. */
export const urlOf = (host: string, port: number | string): string =>
  `http://${isIPv6(host) ? `[${host}]` : host}:${port}`

/** The same URL for a process of this machine: an address that stands for all is none to speak to. */
export function urlFromHere(url: string): string {
  const { hostname, port } = new URL(url)
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  return wildcards.has(host) ? urlOf(loopbackOf(host), port) : url
}

/** What other machines may speak to when a service listens on `host`; empty on the loopback. */
export function hostsFromElsewhere(host: string): readonly string[] {
  if (host === 'localhost' || host === '::1' || host.startsWith('127.')) return []
  if (!wildcards.has(host)) return [host]
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, family }) => !internal && (family === 'IPv4' || host === '::'))
    .map(({ address }) => address)
    .filter((address) => !address.startsWith('fe80:'))
}

/** Sees that a service can listen there, before anything is started. @throws {CliError} BAD_HOST */
export async function requireHost(host: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (cause) =>
      reject(new CliError('BAD_HOST', `nothing can listen on --host=${host} (${cause.message}).`, { cause })),
    )
    probe.listen(0, host, () => probe.close(() => resolve()))
  })
}
