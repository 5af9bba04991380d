import { LRUCache } from 'lru-cache'
import { ABSENT, type Absent, type Value } from './absent.ts'
import { Generations, Sealed, type Held } from './generations.ts'
import { ENTRY_OVERHEAD_BYTES } from './sizes.ts'

export interface StoreOptions<V> {
  /** Bytes of all entries together, overhead included. Pinned values come on top while they are pinned. */
  readonly maxBytes: number
  /** The bytes of one value, its own headers included; see `bufferBytes` and `textBytes`. */
  readonly sizeOf: (value: V) => number
}

/** Entries within a budget of bytes. The longest unused ones make room, except those that an answer needs right now. */
export class Store<V extends Value> {
  readonly #lru: LRUCache<string, Held<V>>
  /** Beside the LRU, because that cannot refuse to evict, and drops what is larger than itself. */
  readonly #pinned = new Map<string, Held<V>>()
  readonly #pins = new Map<string, number>()
  readonly #generations = new Generations<V>()
  readonly #sizeOf: (value: V) => number
  #pinnedBytes = 0
  #evictions = 0

  constructor(options: StoreOptions<V>) {
    this.#sizeOf = options.sizeOf
    // No `max`: it would allocate its tables for that many entries at once.
    this.#lru = new LRUCache({
      maxSize: options.maxBytes,
      dispose: (_value, _key, reason) => {
        if (reason === 'evict') this.#evictions += 1
      },
    })
  }

  get entries(): number {
    return this.#lru.size + this.#pinned.size
  }

  get bytes(): number {
    return this.#lru.calculatedSize + this.#pinnedBytes
  }

  get evictions(): number {
    return this.#evictions
  }

  /** The value, which counts as used. One look-up as long as nothing is pinned and no collection was ever dropped. */
  get(key: string): V | Absent | undefined {
    const held = this.#lru.get(key) ?? (this.#pinned.size === 0 ? undefined : this.#pinned.get(key))
    if (held === undefined) return undefined
    if (held instanceof Sealed || this.#generations.any) return this.#open(key, held)
    return held
  }

  /** Whether there is a slot, be it of an older generation. */
  has(key: string): boolean {
    return this.#lru.has(key) || (this.#pinned.size > 0 && this.#pinned.has(key))
  }

  /** Holds the value. One that does not fit stays only as long as it is pinned; an older value never stays. */
  set(key: string, value: V | Absent): void {
    const held = this.#generations.seal(key, value)
    if (this.#pins.has(key)) this.#setPinned(key, held)
    else this.#lru.set(key, held, { size: this.#bytesOf(key, held) })
  }

  delete(key: string): void {
    this.#lru.delete(key)
    this.#takePinned(key)
  }

  /** Keeps the key from being evicted until {@link Store.unpin} was called as often. */
  pin(key: string): void {
    const count = this.#pins.get(key) ?? 0
    this.#pins.set(key, count + 1)
    if (count > 0) return
    const held = this.#lru.peek(key)
    if (held === undefined) return
    this.#lru.delete(key)
    this.#setPinned(key, held)
  }

  unpin(key: string): void {
    const count = this.#pins.get(key) ?? 0
    if (count > 1) {
      this.#pins.set(key, count - 1)
      return
    }
    this.#pins.delete(key)
    const held = this.#takePinned(key)
    if (held !== undefined) this.#lru.set(key, held, { size: this.#bytesOf(key, held) })
  }

  /** All entries of the collection count as {@link ABSENT} from now on. Its cost does not depend on their number. */
  collectionGone(collection: string): void {
    this.#generations.gone(collection)
  }

  /** All entries of the collection count as not held from now on. Its cost does not depend on their number. */
  collectionTouched(collection: string): void {
    this.#generations.touched(collection)
  }

  clear(): void {
    this.#lru.clear()
    this.#pinned.clear()
    this.#pinnedBytes = 0
    this.#generations.reset()
  }

  #open(key: string, held: Held<V>): V | Absent | undefined {
    const value = this.#generations.open(key, held)
    if (value === undefined) this.delete(key)
    // Its document is gone with its collection: give the memory back.
    else if (value === ABSENT) this.set(key, ABSENT)
    return value
  }

  #setPinned(key: string, held: Held<V>): void {
    this.#takePinned(key)
    this.#pinned.set(key, held)
    this.#pinnedBytes += this.#bytesOf(key, held)
  }

  #takePinned(key: string): Held<V> | undefined {
    const held = this.#pinned.size === 0 ? undefined : this.#pinned.get(key)
    if (held === undefined) return undefined
    this.#pinned.delete(key)
    this.#pinnedBytes -= this.#bytesOf(key, held)
    return held
  }

  #bytesOf(key: string, held: Held<V>): number {
    const value = held instanceof Sealed ? held.value : held
    return ENTRY_OVERHEAD_BYTES + key.length + (value === ABSENT ? 0 : this.#sizeOf(value))
  }
}
