import type { IdType } from './change.ts'

/** A collection of a source: the type of its ids, and the name by which the source knows it. */
export interface StoredCollection {
  readonly idType: IdType
  readonly stored: string
}

/** How a collection is declared under its name in URLs: by the type of its ids, where it is stored under the same name. */
export type CollectionPlace = IdType | StoredCollection

/** The product's own collections, which nobody is served: `freshet` and what begins like it. */
const own = /^freshet(_.*)?$/

/** MongoDB allows 255 bytes for the names of a database, of at most 63, and a collection together. */
const MAX_BYTES = 190

/** Where the collection that is declared under this name is. */
export function placeOf(name: string, declared: CollectionPlace): StoredCollection {
  return typeof declared === 'string' ? { idType: declared, stored: name } : declared
}

/**
 * Why a collection of MongoDB cannot be served by its name, as what is wanted instead; `undefined`: it can. Capitals and
 * dots are fine. https://www.mongodb.com/docs/manual/reference/limits/#naming-restrictions
 */
export function storedNameFault(stored: string): string | undefined {
  if (own.test(stored)) return "a collection that is not the product's own"
  if (stored.startsWith('system.')) return "a collection that is not MongoDB's own"
  if (stored === '' || /[\0$]|^\.|\.$|\.\./.test(stored))
    return "a name without '$' and NUL, whose dots stand alone and within it"
  return Buffer.byteLength(stored) > MAX_BYTES ? `a name of at most ${MAX_BYTES} bytes` : undefined
}

/**
 * All places by their names, each collection of the source once.
 * @throws {TypeError} one cannot be served, or is served under two names: only one of them would hear of its changes.
 */
export function placesOf(
  declared: ReadonlyMap<string, CollectionPlace>,
): ReadonlyMap<string, StoredCollection> {
  const names = new Map<string, string>()
  const places = new Map<string, StoredCollection>()
  for (const [name, one] of declared) {
    const place = placeOf(name, one)
    const { stored } = place
    const fault = storedNameFault(stored)
    if (fault !== undefined) throw new TypeError(`expected ${fault}, got '${stored}' for '${name}'`)
    const other = names.get(stored)
    if (other !== undefined)
      throw new TypeError(`expected each collection once, got '${stored}' for '${other}' and '${name}'`)
    names.set(stored, name)
    places.set(name, place)
  }
  return places
}
