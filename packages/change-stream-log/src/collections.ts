import { ChangeStreamError } from '@freshet/change-stream'
import { placesOf, type CollectionPlace, type StoredCollection } from '@freshet/protocol'
import type { TableName } from './record.ts'

const stored = /^(?:[^".\0]+\.)?[^".\0]+$/

/** Why a log cannot serve a table of this name; see `StoredNameFault`. */
export function loggedNameFault(name: string): string | undefined {
  return stored.test(name) ? undefined : 'a table such as "orders" or "sales.orders"'
}

/** A collection and the table that it is made of. */
export interface Followed {
  readonly collection: string
  readonly place: StoredCollection
}

/** Finds the collection of a table: by its name, or by its name with its schema. Tables of other databases are not followed. */
export class FollowedTables {
  readonly #database: string
  readonly #places: ReadonlyMap<string, StoredCollection>
  readonly #found = new Map<string, Followed | undefined>()
  /** The table of each collection. */
  readonly #tables = new Map<string, string>()

  /** @throws {TypeError} */
  constructor(database: string, collections: ReadonlyMap<string, CollectionPlace>) {
    this.#database = database
    this.#places = placesOf(collections, loggedNameFault)
  }

  get collections(): Iterable<string> {
    return this.#places.keys()
  }

  /** `undefined`: not followed. @throws {ChangeStreamError} UNSUPPORTED: a collection matches two tables. */
  find({ database, schema, table }: TableName): Followed | undefined {
    if (database !== this.#database) return undefined
    const name = schema === undefined ? table : `${schema}.${table}`
    if (this.#found.has(name)) return this.#found.get(name)
    const entry = [...this.#places].find(([, place]) => place.stored === name || place.stored === table)
    const followed = entry && { collection: entry[0], place: entry[1] }
    if (followed !== undefined) {
      const other = this.#tables.get(followed.collection)
      if (other !== undefined)
        throw new ChangeStreamError(
          'UNSUPPORTED',
          `expected one table for '${followed.collection}', got ${other} and ${name}`,
          { remedy: 'Name the table with its schema in x-collection.' },
        )
      this.#tables.set(followed.collection, name)
    }
    this.#found.set(name, followed)
    return followed
  }
}
