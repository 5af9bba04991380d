import type { Environment } from './cache-folder.ts'

/**
 * Whether `no_proxy` (preferred) or `NO_PROXY` excludes a host from the proxy. Entries are separated by commas or spaces, match
 * subdomains too, and may have a port; `*` matches everything. There is no standard; this follows curl: https://everything.curl.dev/usingcurl/proxies/env.html
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
