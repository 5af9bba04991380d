import type { IncomingMessage } from 'node:http'

/** What Node.js makes of a request beside its text; measured: 4 KiB. */
const REQUEST_BYTES = 4 * 2 ** 10

/** A header takes so much beside its text; measured: 80 bytes for one of two characters. */
const HEADER_BYTES = 80

/** So much of a body is read with the head. */
const MAX_BODY_BYTES = 64 * 2 ** 10

/** About what a request takes in memory that waits for its turn and whose body comes as one piece. */
export function heldBytes({ url = '', rawHeaders, headers }: IncomingMessage): number {
  let bytes = REQUEST_BYTES + url.length + (HEADER_BYTES / 2) * rawHeaders.length
  for (const text of rawHeaders) bytes += text.length
  return bytes + Math.min(Number(headers['content-length'] ?? 0), MAX_BODY_BYTES)
}

/** Its body comes in chunks. */
export function isChunked({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined
}
