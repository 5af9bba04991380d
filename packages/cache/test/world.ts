import { positionOf, type Position } from '@freshet/protocol'
import { ABSENT, type Absent } from '../src/index.ts'

/** One event in the model database. Position n is the state after the first n events. */
export type WorldEvent =
  | { readonly kind: 'write' | 'update' | 'delete'; readonly key: string }
  | { readonly kind: 'drop' | 'replace-all'; readonly collection: string }
  | { readonly kind: 'replace-everything' }

export const position = (n: number): Position => positionOf(0, n)

/** The oracle: a tiny model database that remembers every state. Values are unique stamps. */
export class World {
  readonly keys: readonly string[]
  readonly log: WorldEvent[] = []
  readonly #states: ReadonlyMap<string, number>[] = [new Map()]

  constructor(keys: readonly string[]) {
    this.keys = keys
  }

  /** The number of events so far. */
  get now(): number {
    return this.log.length
  }

  /** The document after n events. */
  at(key: string, n: number): number | Absent {
    return this.#states[n]?.get(key) ?? ABSENT
  }

  /** Whether the collection was missing at any time in [from, now], so that a read at an earlier position proves nothing. */
  wasMissing(collection: string, from: number): boolean {
    const inside = (key: string): boolean => key.startsWith(`${collection}/`)
    return this.#states.slice(from).some((state) => ![...state.keys()].some(inside))
  }

  do(event: WorldEvent): void {
    const state = new Map(this.#states.at(-1))
    const stamp = (this.now + 1) * 1_000
    if (event.kind === 'write' || event.kind === 'update') state.set(event.key, stamp)
    if (event.kind === 'delete') state.delete(event.key)
    if (event.kind === 'drop' || event.kind === 'replace-all') {
      for (const key of state.keys()) if (key.startsWith(`${event.collection}/`)) state.delete(key)
    }
    if (event.kind === 'replace-all') this.#fill(state, `${event.collection}/`, stamp)
    if (event.kind === 'replace-everything') {
      state.clear()
      this.#fill(state, '', stamp)
    }
    this.log.push(event)
    this.#states.push(state)
  }

  /** Inserts every second key, alternating between events. */
  #fill(state: Map<string, number>, prefix: string, stamp: number): void {
    this.keys.forEach((key, index) => {
      if (key.startsWith(prefix) && (index + this.now) % 2 === 0) state.set(key, stamp + index)
    })
  }
}
