import type { BSON } from 'mongodb'

/** A document that nobody can change: it would be changed for everybody who shares it. */
export type Frozen<T> = T extends Leaf
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Frozen<Item>[]
    : T extends object
      ? { readonly [K in keyof T]: Frozen<T[K]> }
      : T

/** Values that are one piece: they have methods, and stay as they are. */
type Leaf = BSON.BSONValue | Date | RegExp | Uint8Array

/** What an object costs more when one of its properties is a copy each time, and what each such property costs: measured. */
const bytesOfKeeper = 800
const bytesOfCopied = 200

/** A value that nobody can change any more, and what that costs in memory, in bytes. */
export interface FrozenValue<T> {
  readonly value: Frozen<T>
  readonly extraBytes: number
}

/**
 * Freezes at any depth, in place: plain objects, arrays, and the values of BSON. What the language cannot freeze (a
 * `Date`, a `RegExp`, bytes, also those within a `Binary`, a `UUID` or a `Decimal128`) is a fresh copy for whoever looks
 * at it, so that nobody changes what others see. Costs one walk.
 */
export function frozen<T>(value: T): FrozenValue<T> {
  const extraBytes = freezeDeep(value)
  // The types differ in `readonly` alone, which is what has just been made true.
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

/** Makes copies of a value that stays changeable whatever is done to it. */
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
  // Out of the reply that it is a part of, which would be kept with it.
  const bytes = Buffer.from(Buffer.from(value.buffer, value.byteOffset, value.byteLength))
  return () => Buffer.from(bytes)
}
