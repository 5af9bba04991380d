import { ABSENT, type Absent } from './absent.ts'

/** How often a collection was dropped, and below which generation nothing is known about its documents. */
interface Drops {
  generation: number
  unknownBelow: number
}

/** A value together with the generation of its collection; made only in collections that were dropped before. */
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

/** What the store keeps in a slot. */
export type Slot<V> = V | Absent | Stamped<V>

/**
 * Forgets a whole collection in one step, whatever it holds: a drop raises the generation, and entries of older ones
 * no longer count. To remove a million entries at once would stop the process for 650 ms. As long as nothing was ever
 * dropped, values are kept bare and the check costs one comparison.
 */
export class Generations<V> {
  readonly #drops = new Map<string, Drops>()

  /** Whether {@link Generations.resolve} has to be asked about bare values. */
  get active(): boolean {
    return this.#drops.size > 0
  }

  /** The collection is gone: all its older entries count as {@link ABSENT}. */
  empty(collection: string): void {
    this.#bump(collection)
  }

  /** Every document of the collection may have changed: its older entries count as not cached. */
  invalidate(collection: string): void {
    const drops = this.#bump(collection)
    drops.unknownBelow = drops.generation
  }

  /** Call it when no entry is left at all. */
  reset(): void {
    this.#drops.clear()
  }

  stamp(key: string, value: V | Absent): Slot<V> {
    const drops = this.active ? this.#drops.get(collectionOf(key)) : undefined
    return drops ? new Stamped(value, drops) : value
  }

  /** What the slot is worth now; `undefined`: nothing. */
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

/** The collection in a key; names of collections hold no slash: a replica refuses those that do. */
export function collectionOf(key: string): string {
  return key.slice(0, key.indexOf('/'))
}
