/** The product's own collections, which nobody is served: `freshet` and what begins like it. */
const own = /^freshet(_.*)?$/

/** A server allows 255 bytes for the names of a database, of at most 63, and a collection together. */
const MAX_BYTES = 190

/**
 * Why a collection cannot be served by its name, as what is wanted instead; `undefined`: it can. Capitals and dots are
 * fine. https://www.mongodb.com/docs/manual/reference/limits/#naming-restrictions
 */
export function storedNameFault(stored: string): string | undefined {
  if (own.test(stored)) return "a collection that is not the product's own"
  if (stored.startsWith('system.')) return "a collection that is not MongoDB's own"
  if (stored === '' || /[\0$]|^\.|\.$|\.\./.test(stored))
    return "a name without '$' and NUL, whose dots stand alone and within it"
  return Buffer.byteLength(stored) > MAX_BYTES ? `a name of at most ${MAX_BYTES} bytes` : undefined
}
