import * as crypto from 'node:crypto'

/** Increment whenever the mapping changes its output for any document, so that old ETags no longer match. */
export const MAPPING_VERSION = 3

const prefix = Buffer.from(`${MAPPING_VERSION}\n`)

/** Of the 43 characters of the hash: 132 bits. */
const tagLength = 22

/** Of every {@link etagOf}, quotes included. */
export const ETAG_LENGTH = tagLength + 2

/**
 * The strong ETag of a document's JSON, with its quotes. Readers and writer compute the same one as long as they use
 * the same mapping. About 1 us.
 */
export function etagOf(json: Uint8Array): string {
  const input = Buffer.allocUnsafe(prefix.length + json.length)
  prefix.copy(input)
  input.set(json, prefix.length)
  return `"${crypto.hash('sha256', input, 'base64url').slice(0, tagLength)}"`
}
