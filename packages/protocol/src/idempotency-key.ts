import { parseItem } from 'structured-headers'

/** Maximum length of a key, in characters. */
export const MAX_KEY_LENGTH = 255

/** Visible characters without quotes. A comma would mean two combined headers (RFC 9110, 5.3). */
const bare = /^[\x21\x23-\x2b\x2d-\x7e]+$/

/**
 * Parses `Idempotency-Key`: a quoted string as in draft-ietf-httpapi-idempotency-key-header (2.1), or the same without
 * quotes, as most clients send it. Both are the same key. `undefined` if invalid, or if its length is not 1 to {@link
 * MAX_KEY_LENGTH}.
 */
export function readIdempotencyKey(header: string): string | undefined {
  const key = bare.test(header) ? header : quoted(header)
  return key !== undefined && key.length >= 1 && key.length <= MAX_KEY_LENGTH ? key : undefined
}

function quoted(header: string): string | undefined {
  try {
    const [key] = parseItem(header)
    return typeof key === 'string' ? key : undefined
  } catch {
    // The library throws if the header is not an item; the caller reports what is expected.
    return undefined
  }
}
