import { parseItem } from 'structured-headers'

/** The longest key, in characters. */
export const MAX_KEY_LENGTH = 255

/** Visible characters without quotes; a comma would be two headers that were put together (RFC 9110, 5.3). */
const bare = /^[\x21\x23-\x2b\x2d-\x7e]+$/

/**
 * The key in `Idempotency-Key`: a string with its quotes, as draft-ietf-httpapi-idempotency-key-header (2.1) wants it, or
 * the same text without them, as most clients send it. Both are the same key. `undefined`: it is neither, or its length
 * is not 1 to {@link MAX_KEY_LENGTH}.
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
    // The library throws for whatever is no item; the caller says what was wanted.
    return undefined
  }
}
