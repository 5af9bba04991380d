import { causesCollection, controlCollection, storedNameFault } from '@freshet/mongodb-rules'
import { placesOf, type CollectionPlace, type IdType } from '@freshet/protocol'

/** A collection whose changes mean something. */
export interface Watched {
  /** By which its changes are told. */
  readonly name: string
  /** By which the source knows it. */
  readonly stored: string
  readonly idType: IdType
  /**
   * `told`: its changes are. Those of `control` are signs of life and may change what the source is; those of `causes`
   * say why the next document of the same transaction changes.
   */
  readonly use: 'told' | 'control' | 'causes'
}

/** Finds collections by the bytes of their names in an event, without making a text of them. */
export class WatchList {
  readonly #entries: readonly { readonly watched: Watched; readonly name: Buffer }[]

  constructor(collections: ReadonlyMap<string, CollectionPlace>) {
    const own: readonly Watched[] = [
      { name: controlCollection, stored: controlCollection, idType: 'string', use: 'control' },
      { name: causesCollection, stored: causesCollection, idType: 'objectid', use: 'causes' },
    ]
    const places = placesOf(collections, storedNameFault)
    const told = [...places].map(([name, place]): Watched => ({ name, ...place, use: 'told' }))
    this.#entries = [...told, ...own].map((watched) => ({ watched, name: Buffer.from(watched.stored) }))
  }

  /** All that changes are wanted of, those of our own included. */
  get names(): readonly string[] {
    return this.#entries.map(({ watched }) => watched.stored)
  }

  /** The collection whose name is `length` bytes long and begins at `at`; `undefined`: nobody asked for it. */
  find(bytes: Uint8Array, at: number, length: number): Watched | undefined {
    for (const { watched, name } of this.#entries) {
      if (name.length === length && equalAt(bytes, at, name)) return watched
    }
    return undefined
  }
}

/** Whether `wanted` stands in `bytes` at `at`. */
export function equalAt(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let i = wanted.length - 1; i >= 0; i--) if (bytes[at + i] !== wanted[i]) return false
  return true
}
