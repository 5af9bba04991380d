import { uint32At } from '@freshet/bson'

/** High words of 2^53 and -2^53; their low words are 0. */
const highOf2To53 = 0x20_0000

/**
 * The int64 at `at` as a number if it is within ±2^53 inclusive, otherwise `undefined`. The only definition of which
 * integers JSON readers represent exactly.
 */
export function exactLong(bytes: Uint8Array, at: number): number | undefined {
  const low = uint32At(bytes, at)
  const high = uint32At(bytes, at + 4) | 0
  const value = high * 0x1_0000_0000 + low
  if (Number.isSafeInteger(value)) return value
  // Beyond this the sum may be rounded.
  return low === 0 && Math.abs(high) === highOf2To53 ? value : undefined
}
