import type { IdType } from './change.ts'

/** A collection of a source: the type of its ids, and the name by which the source knows it. */
export interface StoredCollection {
  readonly idType: IdType
  readonly stored: string
}

/** How a collection is declared under its name in URLs: by the type of its ids, where it is stored under the same name. */
export type CollectionPlace = IdType | StoredCollection

/** Why the database has no such collection to serve, as what is wanted instead; `undefined`: it may have. */
export type StoredNameFault = (stored: string) => string | undefined

/** Where the collection that is declared under this name is. */
export function placeOf(name: string, declared: CollectionPlace): StoredCollection {
  return typeof declared === 'string' ? { idType: declared, stored: name } : declared
}

/**
 * All places by their names, each collection of the source once.
 * @throws {TypeError} one cannot be served, or is served under two names: only one of them would hear of its changes.
 */
export function placesOf(
  declared: ReadonlyMap<string, CollectionPlace>,
  storedNameFault: StoredNameFault,
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
