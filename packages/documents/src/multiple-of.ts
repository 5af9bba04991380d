/** A decimal without rounding: `digits` times ten to the power of `exponent`. */
interface Decimal {
  readonly digits: bigint
  readonly exponent: number
}

/**
 * Whether a number is a whole multiple of another one, both taken as the shortest decimals that stand for them: 19.99
 * is one of 0.01, and 19.990000001 is not. Division of doubles says neither.
 */
export function multipleOf(step: number): (value: number) => boolean {
  const unit = decimalOf(step)
  return (value) => {
    if (Number.isInteger(value) && Number.isInteger(step)) return value % step === 0
    const { digits, exponent } = decimalOf(value)
    const shift = exponent - unit.exponent
    // Of two numbers with at most 17 digits, one that is so much smaller is no multiple.
    if (shift < -MAX_DIGITS) return digits === 0n
    if (shift < 0) return digits % (unit.digits * 10n ** BigInt(-shift)) === 0n
    return (digits * powerOfTen(shift, unit.digits)) % unit.digits === 0n
  }
}

const MAX_DIGITS = 17

/** Ten to the power of `exponent`, or to the highest that still adds a factor of `digits`, which has 57 of two at most. */
function powerOfTen(exponent: number, digits: bigint): bigint {
  return 10n ** BigInt(Math.min(exponent, digits.toString(2).length))
}

/** The text of a double is the shortest that stands for it: https://tc39.es/ecma262/#sec-numeric-types-number-tostring */
function decimalOf(value: number): Decimal {
  const [mantissa = '', exponent = '0'] = String(value).split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  return { digits: BigInt(whole + fraction), exponent: Number(exponent) - fraction.length }
}
