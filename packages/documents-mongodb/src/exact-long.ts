import { uint32At } from '@freshet/bson'

/** The upper halves of 2^53 and of -2^53, whose lower ones are 0. */
const highOf2To53 = 0x20_0000

/**
 * The long at `at` as a number when it is within ±2^53, both included; else `undefined`. The one place that says which
 * integers JSON readers hold exactly.
 */
export function exactLong(bytes: Uint8Array, at: number): number | undefined {
  const low = uint32At(bytes, at)
  const high = uint32At(bytes, at + 4) | 0
  const value = high * 0x1_0000_0000 + low
  if (Number.isSafeInteger(value)) return value
  // Beyond, the sum above may be rounded.
  return low === 0 && Math.abs(high) === highOf2To53 ? value : undefined
}
