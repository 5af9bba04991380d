import type { BSON } from 'mongodb'

/** An immutable document: all callers share it. */
export type Frozen<T> = T extends Leaf
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Frozen<Item>[]
    : T extends object
      ? { readonly [K in keyof T]: Frozen<T[K]> }
      : T

/** Atomic values with methods, which keep their type. */
type Leaf = BSON.BSONValue | Date | RegExp | Uint8Array

/** Measured overhead of an object with copying properties, and of each such property. */
const bytesOfKeeper = 800
const bytesOfCopied = 200

/** An immutable value and its additional size in memory, in bytes. */
export interface FrozenValue<T> {
  readonly value: Frozen<T>
  readonly extraBytes: number
}

/**
 * Freezes plain objects, arrays and BSON values in place, at every depth. Values that JavaScript cannot freeze (`Date`,
 * `RegExp`, bytes, including those in a `Binary`, a `UUID` or a `Decimal128`) become getters that return a copy. Takes
 * one traversal.
 */
export function frozen<T>(value: T): FrozenValue<T> {
  const extraBytes = freezeDeep(value)
  // The types differ only in `readonly`, which now holds.
  return { value: value as Frozen<T>, extraBytes }
}

function freezeDeep(value: unknown): number {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return 0
  let copied = 0
  let extraBytes = 0
  for (const [name, inner] of Object.entries(value)) {
    const copy = copierOf(inner)
    if (copy === undefined) extraBytes += freezeDeep(inner)
    else {
      copied += 1
      Object.defineProperty(value, name, { get: copy, enumerable: true, configurable: false })
    }
  }
  Object.freeze(value)
  return copied === 0 ? extraBytes : extraBytes + bytesOfKeeper + copied * bytesOfCopied
}

/** Returns a function that copies a value that cannot be frozen. */
function copierOf(value: unknown): (() => unknown) | undefined {
  if (value instanceof Date) {
    const ms = value.getTime()
    return () => new Date(ms)
  }
  if (value instanceof RegExp) {
    const { source, flags } = value
    return () => new RegExp(source, flags)
  }
  if (!ArrayBuffer.isView(value)) return undefined
  // Copied out of the reply's buffer, which it would otherwise keep alive.
  const bytes = Buffer.from(Buffer.from(value.buffer, value.byteOffset, value.byteLength))
  return () => Buffer.from(bytes)
}
