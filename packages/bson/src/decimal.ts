import { uint32At } from './types.ts'

/** The exponent bias. */
const BIAS = 6176

/** The largest coefficient has 34 digits; a larger one counts as 0 (IEEE 754-2008, 3.5.2). */
const maxCoefficient = 10n ** 34n - 1n
const MAX_DIGITS = 34

/** Larger exponents are never needed. */
const MAX_EXPONENT = 34

/**
 * The exact integer value of a Decimal128; `undefined` if it has a fraction, is not a number or has more than 68 digits.
 * 11, 11.0 and 1.1E+1 are equal, as in MongoDB.
 * https://github.com/mongodb/specifications/blob/master/source/bson-decimal128/decimal128.md
 */
export function integerFromDecimal(bytes: Uint8Array, at: number): bigint | undefined {
  const top = uint32At(bytes, at + 12)
  // Both bits set: infinity, NaN, or the encoding for coefficients that are too large to be valid.
  const other = ((top >>> 29) & 3) === 3
  if (other) return ((top >>> 27) & 0xf) === 0xf ? undefined : 0n
  const exponent = ((top >>> 17) & 0x3fff) - BIAS
  const coefficient =
    (BigInt(top & 0x1_ffff) << 96n) |
    (BigInt(uint32At(bytes, at + 8)) << 64n) |
    (BigInt(uint32At(bytes, at + 4)) << 32n) |
    BigInt(uint32At(bytes, at))
  if (coefficient === 0n || coefficient > maxCoefficient) return 0n
  if (exponent > MAX_EXPONENT || exponent < -MAX_DIGITS) return undefined
  const size = exponent < 0 ? divideExactly(coefficient, -exponent) : coefficient * 10n ** BigInt(exponent)
  return size !== undefined && top >>> 31 === 1 ? -size : size
}

/** Removes the last `digits` digits if they are all 0. */
function divideExactly(coefficient: bigint, digits: number): bigint | undefined {
  const unit = 10n ** BigInt(digits)
  return coefficient % unit === 0n ? coefficient / unit : undefined
}
