import type { IncomingMessage } from 'node:http'

/** Memory of a request object beside its text. Measured. */
const REQUEST_BYTES = 4 * 2 ** 10

/** Memory of a header beside its text. Measured with two-character headers. */
const HEADER_BYTES = 80

/** How much of a body Node.js may read together with the head. */
const MAX_BODY_BYTES = 64 * 2 ** 10

/** Approximate memory of a queued request whose body is not chunked. */
export function queuedBytes({ url = '', rawHeaders, headers }: IncomingMessage): number {
  let bytes = REQUEST_BYTES + url.length + (HEADER_BYTES / 2) * rawHeaders.length
  for (const text of rawHeaders) bytes += text.length
  return bytes + Math.min(Number(headers['content-length'] ?? 0), MAX_BODY_BYTES)
}

export function isChunked({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined
}
