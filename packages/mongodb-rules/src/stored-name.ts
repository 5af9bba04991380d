/** Freshet's own collections, which are not served. */
const own = /^freshet(_.*)?$/

/** A server allows 255 bytes for database name (at most 63) and collection name together. */
const MAX_BYTES = 190

/**
 * Why a collection cannot be served under its name, phrased as what is expected; `undefined` if it can. Capitals and
 * dots are allowed.
 * https://www.mongodb.com/docs/manual/reference/limits/#naming-restrictions
 */
export function storedNameFault(stored: string): string | undefined {
  if (own.test(stored)) return "a collection that is not Freshet's own"
  if (stored.startsWith('system.')) return "a collection that is not MongoDB's own"
  if (stored === '' || /[\0$]|^\.|\.$|\.\./.test(stored))
    return "a name without '$' or NUL, and with single dots only between other characters"
  return Buffer.byteLength(stored) > MAX_BYTES ? `a name of at most ${MAX_BYTES} bytes` : undefined
}
