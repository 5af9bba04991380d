import { uint32At } from './types.ts'

/** What the exponent is counted from. */
const BIAS = 6176

/** The largest coefficient has 34 digits; one that is larger counts as 0 (IEEE 754-2008, 3.5.2). */
const maxCoefficient = 10n ** 34n - 1n
const MAX_DIGITS = 34

/** So large that nobody needs to know how large. */
const MAX_EXPONENT = 34

/**
 * The whole number that a Decimal128 is, exactly; `undefined`: it has a fraction, is none, or has more than 68 digits.
 * 11, 11.0 and 1.1E+1 are one number, and so they are for MongoDB.
 * https://github.com/mongodb/specifications/blob/master/source/bson-decimal128/decimal128.md
 */
export function integerFromDecimal(bytes: Uint8Array, at: number): bigint | undefined {
  const top = uint32At(bytes, at + 12)
  // Two bits that are set: infinity, NaN, or a coefficient in the form that is too large for its digits.
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

/** Without the last `digits` digits, when they are all 0. */
function divideExactly(coefficient: bigint, digits: number): bigint | undefined {
  const unit = 10n ** BigInt(digits)
  return coefficient % unit === 0n ? coefficient / unit : undefined
}
