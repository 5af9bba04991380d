import { causesCollection, controlCollection, storedNameFault } from '@freshet/mongodb-rules'
import { placesOf, type CollectionPlace, type IdType } from '@freshet/protocol'

/** A collection whose changes matter. */
export interface Watched {
  /** Its public name. */
  readonly name: string
  /** Its name in the database. */
  readonly stored: string
  readonly idType: IdType
  /**
   * `data`: changes are emitted. `control`: heartbeats, and documents that identify the source. `causes`: records that
   * explain the next document change in the same transaction.
   */
  readonly use: 'data' | 'control' | 'causes'
}

/** Finds collections by the bytes of their name in an event, without decoding them. */
export class WatchList {
  readonly #entries: readonly { readonly watched: Watched; readonly name: Buffer }[]

  constructor(collections: ReadonlyMap<string, CollectionPlace>) {
    const own: readonly Watched[] = [
      { name: controlCollection, stored: controlCollection, idType: 'string', use: 'control' },
      { name: causesCollection, stored: causesCollection, idType: 'objectid', use: 'causes' },
    ]
    const places = placesOf(collections, storedNameFault)
    const data = [...places].map(([name, place]): Watched => ({ name, ...place, use: 'data' }))
    this.#entries = [...data, ...own].map((watched) => ({ watched, name: Buffer.from(watched.stored) }))
  }

  /** All collections whose contents are needed, internal ones included. */
  get names(): readonly string[] {
    return this.#entries.map(({ watched }) => watched.stored)
  }

  /** The collection whose name is `length` bytes long and starts at `at`, if watched. */
  find(bytes: Uint8Array, at: number, length: number): Watched | undefined {
    for (const { watched, name } of this.#entries) {
      if (name.length === length && equalAt(bytes, at, name)) return watched
    }
    return undefined
  }
}

/** Whether `bytes` contains `wanted` at `at`. */
export function equalAt(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let i = wanted.length - 1; i >= 0; i--) if (bytes[at + i] !== wanted[i]) return false
  return true
}
