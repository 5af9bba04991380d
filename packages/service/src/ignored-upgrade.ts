import type { IncomingMessage } from 'node:http'

/**
 * The head of an upgrade request without its `Upgrade` header, which RFC 9110, 7.8 lets a server ignore. Never longer
 * than the original, so no limit is exceeded.
 */
export function headWithoutUpgrade({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    const value = rawHeaders[at + 1] ?? ''
    const lower = name.toLowerCase()
    if (lower === 'upgrade') continue
    lines.push(`${name}:${lower === 'connection' ? withoutUpgrade(value) : value}`)
  }
  // Node.js decodes heads as Latin-1.
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}

function withoutUpgrade(connection: string): string {
  const options = connection.split(',').map((option) => option.trim())
  return options.filter((option) => option !== '' && option.toLowerCase() !== 'upgrade').join()
}
