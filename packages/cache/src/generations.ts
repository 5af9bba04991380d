import { ABSENT, type Absent } from './absent.ts'

/** How often a collection was dropped, and below which generation nothing is known about its documents. */
interface Namespace {
  generation: number
  unknownBelow: number
}

/** A value together with the generation of its collection; made only in collections that were dropped before. */
export class Sealed<V> {
  readonly value: V | Absent
  readonly namespace: Namespace
  readonly generation: number

  constructor(value: V | Absent, namespace: Namespace) {
    this.value = value
    this.namespace = namespace
    this.generation = namespace.generation
  }
}

/** What the store keeps in a slot. */
export type Held<V> = V | Absent | Sealed<V>

/**
 * Forgets a whole collection in one step, whatever it holds: a drop raises the generation, and entries of older ones
 * no longer count. To remove a million entries at once would stop the process for 650 ms. As long as nothing was ever
 * dropped, values are kept bare and the check costs one comparison.
 */
export class Generations<V> {
  readonly #namespaces = new Map<string, Namespace>()

  /** Whether {@link Generations.open} has to be asked about bare values. */
  get any(): boolean {
    return this.#namespaces.size > 0
  }

  /** The collection is gone: all its older entries count as {@link ABSENT}. */
  empty(collection: string): void {
    this.#raise(collection)
  }

  /** Every document of the collection may have changed: its older entries count as not held. */
  invalidate(collection: string): void {
    const namespace = this.#raise(collection)
    namespace.unknownBelow = namespace.generation
  }

  /** Call it when no entry is left at all. */
  reset(): void {
    this.#namespaces.clear()
  }

  seal(key: string, value: V | Absent): Held<V> {
    const namespace = this.any ? this.#namespaces.get(collectionOf(key)) : undefined
    return namespace ? new Sealed(value, namespace) : value
  }

  /** What the slot is worth now; `undefined`: nothing. */
  open(key: string, held: Held<V>): V | Absent | undefined {
    if (held instanceof Sealed) return this.#judge(held.value, held.generation, held.namespace)
    const namespace = this.#namespaces.get(collectionOf(key))
    return namespace ? this.#judge(held, 0, namespace) : held
  }

  #judge(value: V | Absent, generation: number, namespace: Namespace): V | Absent | undefined {
    if (generation === namespace.generation) return value
    return generation < namespace.unknownBelow ? undefined : ABSENT
  }

  #raise(collection: string): Namespace {
    const namespace = this.#namespaces.get(collection) ?? { generation: 0, unknownBelow: 0 }
    namespace.generation += 1
    this.#namespaces.set(collection, namespace)
    return namespace
  }
}

/** The collection in a key; names of collections hold no slash: a replica refuses those that do. */
export function collectionOf(key: string): string {
  return key.slice(0, key.indexOf('/'))
}
