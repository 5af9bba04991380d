import type { IdType } from './change.ts'

/** A collection of a source: the type of its ids and its name in the database. */
export interface StoredCollection {
  readonly idType: IdType
  readonly stored: string
}

/** Declares a collection: the type of its ids, and its name in the database if it differs. */
export type CollectionPlace = IdType | StoredCollection

/** Why the database cannot serve a collection of this name, phrased as what is expected; `undefined` if it can. */
export type StoredNameFault = (stored: string) => string | undefined

/** Resolves the declaration of a collection. */
export function placeOf(name: string, declared: CollectionPlace): StoredCollection {
  return typeof declared === 'string' ? { idType: declared, stored: name } : declared
}

/**
 * Resolves all declarations, by name.
 * @throws {TypeError} a collection cannot be served, or is declared under two names: only one of them would receive its
 * changes.
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
