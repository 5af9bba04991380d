import { ABSENT, type Absent, type Loss, type Store, type StoreOptions, type Value } from './store.ts'
import { collectionOf } from './generations.ts'
import { entryBytes } from './partial-store.ts'

/** A value with the bytes counted when it was stored; the same number is released when it is removed. */
interface Entry<V> {
  readonly value: V
  readonly bytes: number
}

/**
 * Holds every document of the feed, so a missing key is absent. Nothing is evicted and nothing can be read again, so a
 * document that does not fit, or a change without content, empties the store until the next {@link clear}.
 */
export class CompleteStore<V extends Value> implements Store<V> {
  readonly evictions = 0
  readonly missing: Absent = ABSENT
  readonly #maxBytes: number
  readonly #sizeOf: (value: V) => number
  /** By collection, so that dropping one is a single step. Absences are not stored: callers may request any id. */
  readonly #collections = new Map<string, Collection<V>>()
  #entries = 0
  #bytes = 0
  #loss: Loss | undefined

  constructor({ maxBytes, sizeOf }: StoreOptions<V>) {
    this.#maxBytes = maxBytes
    this.#sizeOf = sizeOf
  }

  get entries(): number {
    return this.#entries
  }

  get bytes(): number {
    return this.#bytes
  }

  get loss(): Loss | undefined {
    return this.#loss
  }

  get(key: string): V | undefined {
    return this.#collections.get(collectionOf(key))?.documents.get(key)?.value
  }

  look(key: string): V | undefined {
    return this.get(key)
  }

  has(): boolean {
    return true
  }

  set(key: string, value: V | Absent): void {
    this.#remove(key)
    if (value === ABSENT || this.#loss !== undefined) return
    const entry: Entry<V> = { value, bytes: entryBytes(key, value, this.#sizeOf) }
    const name = collectionOf(key)
    const collection = this.#collections.get(name) ?? { documents: new Map(), bytes: 0 }
    this.#collections.set(name, collection)
    collection.documents.set(key, entry)
    this.#count(collection, 1, entry.bytes)
    if (this.#bytes > this.#maxBytes) this.#fail('TOO_LARGE')
  }

  pin(): void {}

  unpin(): void {}

  /** Nothing is read, so nothing is refreshed. */
  isUsed(): boolean {
    return false
  }

  markRefreshed(): void {}

  invalidate(): void {
    this.#fail('CONTENT_UNKNOWN')
  }

  emptyCollection(name: string): void {
    const collection = this.#collections.get(name)
    if (collection === undefined) return
    this.#collections.delete(name)
    this.#count(collection, -collection.documents.size, -collection.bytes)
  }

  invalidateCollection(): void {
    this.#fail('CONTENT_UNKNOWN')
  }

  invalidateAll(): void {
    this.#fail('CONTENT_UNKNOWN')
  }

  clear(): void {
    this.#collections.clear()
    this.#entries = 0
    this.#bytes = 0
    this.#loss = undefined
  }

  #fail(loss: Loss): void {
    this.clear()
    this.#loss = loss
  }

  #remove(key: string): void {
    const collection = this.#collections.get(collectionOf(key))
    const entry = collection?.documents.get(key)
    if (collection === undefined || entry === undefined) return
    collection.documents.delete(key)
    this.#count(collection, -1, -entry.bytes)
  }

  #count(collection: Collection<V>, entries: number, bytes: number): void {
    collection.bytes += bytes
    this.#bytes += bytes
    this.#entries += entries
  }
}

interface Collection<V> {
  readonly documents: Map<string, Entry<V>>
  bytes: number
}
