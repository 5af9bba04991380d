import type { BSON } from 'mongodb'

/** A document nobody can change: a cached one would be changed for everybody. Dates and binaries cannot be frozen. */
export type Frozen<T> = T extends Leaf
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Frozen<Item>[]
    : T extends object
      ? { readonly [K in keyof T]: Frozen<T[K]> }
      : T

/** Values that are one piece: they have methods, and stay as they are. */
type Leaf = BSON.BSONValue | Date | RegExp | Uint8Array

/** Freezes plain objects and arrays at any depth, in place. Costs one walk. */
export function frozen<T>(value: T): Frozen<T> {
  freezeDeep(value)
  // The types differ in `readonly` alone, which is what has just been made true.
  return value as Frozen<T>
}

function freezeDeep(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return
  Object.freeze(value)
  for (const inner of Object.values(value)) freezeDeep(inner)
}
