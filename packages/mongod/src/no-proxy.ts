import type { Environment } from './cache-folder.ts'

/**
 * Whether `NO_PROXY` (or `no_proxy`, which goes first) says that a host is spoken to directly: names and addresses with
 * commas or spaces between them, each also with its subdomains and perhaps with a port; `*` is all. There is no standard;
 * this is what curl does: https://everything.curl.dev/usingcurl/proxies/env.html
 */
export function isWithoutProxy({ hostname, port }: URL, env: Environment): boolean {
  const host = bare(hostname)
  return (env['no_proxy'] || env['NO_PROXY'] || '').split(/[\s,]+/).some((entry) => {
    const [, name = entry, ofPort] = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(entry) ?? []
    if (name === '' || (ofPort !== undefined && ofPort !== (port || '443'))) return false
    const wanted = bare(name.replace(/^\*?\./, ''))
    return name === '*' || host === wanted || host.endsWith(`.${wanted}`)
  })
}

const bare = (host: string): string =>
  host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
