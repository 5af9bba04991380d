import { ABSENT, type Absent } from './store.ts'

/** How often a collection was dropped. Nothing is known about entries of generations below `unknownBelow`. */
interface Drops {
  generation: number
  unknownBelow: number
}

/** A value with the generation of its collection. Created only for collections that were dropped before. */
export class Stamped<V> {
  readonly value: V | Absent
  readonly drops: Drops
  readonly generation: number

  constructor(value: V | Absent, drops: Drops) {
    this.value = value
    this.drops = drops
    this.generation = drops.generation
  }
}

/** What the store keeps for one key. */
export type Slot<V> = V | Absent | Stamped<V>

/**
 * Forgets a collection of any size in constant time: a drop increments its generation, and entries of older generations
 * no longer count. Removing a million entries at once would block the process for 650 ms. Until the first drop, values
 * are stored bare, without an instance of this class.
 */
export class Generations<V> {
  readonly #drops = new Map<string, Drops>()

  /** The collection was dropped: its older entries count as {@link ABSENT}. */
  empty(collection: string): void {
    this.#bump(collection)
  }

  /** Every document of the collection may have changed: its older entries count as not cached. */
  invalidate(collection: string): void {
    const drops = this.#bump(collection)
    drops.unknownBelow = drops.generation
  }

  stamp(key: string, value: V | Absent): Slot<V> {
    const drops = this.#drops.get(collectionOf(key))
    return drops ? new Stamped(value, drops) : value
  }

  /** The current value of the slot; `undefined` if it is unknown. */
  resolve(key: string, slot: Slot<V>): V | Absent | undefined {
    if (slot instanceof Stamped) return this.#resolveAt(slot.value, slot.generation, slot.drops)
    const drops = this.#drops.get(collectionOf(key))
    return drops ? this.#resolveAt(slot, 0, drops) : slot
  }

  #resolveAt(value: V | Absent, generation: number, drops: Drops): V | Absent | undefined {
    if (generation === drops.generation) return value
    return generation < drops.unknownBelow ? undefined : ABSENT
  }

  #bump(collection: string): Drops {
    const drops = this.#drops.get(collection) ?? { generation: 0, unknownBelow: 0 }
    drops.generation += 1
    this.#drops.set(collection, drops)
    return drops
  }
}

/** The collection of a key. A replica refuses collection names that contain a slash. */
export function collectionOf(key: string): string {
  return key.slice(0, key.indexOf('/'))
}
