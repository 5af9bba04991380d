import { LRUCache } from 'lru-cache'
import { ABSENT, type Absent, type Value } from './absent.ts'
import { Generations, Stamped, type Slot } from './generations.ts'
import { entryBytes } from './sizes.ts'
import type { Store, StoreOptions } from './store.ts'

/** A pinned value with the bytes that it counted for when it came: they are what is given back when it goes. */
interface Pinned<V> {
  readonly slot: Slot<V>
  readonly bytes: number
}

/** Entries within a budget of bytes. The longest unused ones make room, except those that an answer needs right now. */
export class PartialStore<V extends Value> implements Store<V> {
  /** What is not cached is read again. */
  readonly missing = undefined
  readonly loss = undefined
  readonly #lru: LRUCache<string, Slot<V>>
  /** Beside the LRU, because that cannot refuse to evict, and drops what is larger than itself. */
  readonly #pinned = new Map<string, Pinned<V>>()
  readonly #pins = new Map<string, number>()
  readonly #generations = new Generations<V>()
  readonly #sizeOf: (value: V) => number
  #pinnedBytes = 0
  #evictions = 0

  constructor(options: StoreOptions<V>) {
    this.#sizeOf = options.sizeOf
    // No `max`: it would allocate its tables for that many entries at once. A part of a budget may be a fraction of a
    // byte, and the library throws at one.
    this.#lru = new LRUCache({
      maxSize: Math.max(1, Math.floor(options.maxBytes)),
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
    const slot = this.#lru.get(key) ?? (this.#pinned.size === 0 ? undefined : this.#pinned.get(key)?.slot)
    if (slot === undefined) return undefined
    if (slot instanceof Stamped || this.#generations.active) return this.#open(key, slot)
    return slot
  }

  /** Whether there is a slot, be it of an older generation. */
  has(key: string): boolean {
    return this.#lru.has(key) || (this.#pinned.size > 0 && this.#pinned.has(key))
  }

  /** Holds the value. One that does not fit stays only as long as it is pinned; an older value never stays. */
  set(key: string, value: V | Absent): void {
    const entry: Pinned<V> = {
      slot: this.#generations.stamp(key, value),
      bytes: entryBytes(key, value, this.#sizeOf),
    }
    if (this.#pins.has(key)) this.#setPinned(key, entry)
    else this.#lru.set(key, entry.slot, { size: entry.bytes })
  }

  /** Keeps the key from being evicted until {@link PartialStore.unpin} was called as often. */
  pin(key: string): void {
    const count = this.#pins.get(key) ?? 0
    this.#pins.set(key, count + 1)
    if (count > 0) return
    const entry = this.#lru.info(key)
    if (entry === undefined) return
    this.#lru.delete(key)
    this.#setPinned(key, { slot: entry.value, bytes: entry.size ?? 0 })
  }

  unpin(key: string): void {
    const count = this.#pins.get(key) ?? 0
    if (count > 1) {
      this.#pins.set(key, count - 1)
      return
    }
    this.#pins.delete(key)
    const entry = this.#takePinned(key)
    if (entry !== undefined) this.#lru.set(key, entry.slot, { size: entry.bytes })
  }

  invalidate(key: string): void {
    this.#lru.delete(key)
    this.#takePinned(key)
  }

  /** All entries of the collection count as {@link ABSENT} from now on. Its cost does not depend on their number. */
  emptyCollection(collection: string): void {
    this.#generations.empty(collection)
  }

  /** All entries of the collection count as not cached from now on. Its cost does not depend on their number. */
  invalidateCollection(collection: string): void {
    this.#generations.invalidate(collection)
  }

  invalidateAll(): void {
    this.clear()
  }

  clear(): void {
    this.#lru.clear()
    this.#pinned.clear()
    this.#pinnedBytes = 0
    this.#generations.reset()
  }

  #open(key: string, slot: Slot<V>): V | Absent | undefined {
    const value = this.#generations.resolve(key, slot)
    if (value === undefined) this.invalidate(key)
    // Its document is gone with its collection: give the memory back. An absence holds none, of whatever generation it is;
    // it would be made and set anew at every hit.
    else if (value === ABSENT && valueOf(slot) !== ABSENT) this.set(key, ABSENT)
    return value
  }

  #setPinned(key: string, entry: Pinned<V>): void {
    this.#takePinned(key)
    this.#pinned.set(key, entry)
    this.#pinnedBytes += entry.bytes
  }

  #takePinned(key: string): Pinned<V> | undefined {
    const entry = this.#pinned.size === 0 ? undefined : this.#pinned.get(key)
    if (entry === undefined) return undefined
    this.#pinned.delete(key)
    this.#pinnedBytes -= entry.bytes
    return entry
  }
}

function valueOf<V>(slot: Slot<V>): V | Absent {
  return slot instanceof Stamped ? slot.value : slot
}
