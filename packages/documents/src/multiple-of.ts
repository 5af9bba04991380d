/** An exact decimal: `digits` times ten to the power of `exponent`. */
interface Decimal {
  readonly digits: bigint
  readonly exponent: number
}

/**
 * Whether a number is an integer multiple of another, both taken as their shortest decimal form: 19.99 is a multiple of
 * 0.01, 19.990000001 is not. Floating-point division gets both wrong.
 */
export function multipleOf(step: number): (value: number) => boolean {
  const unit = decimalOf(step)
  return (value) => {
    if (Number.isInteger(value) && Number.isInteger(step)) return value % step === 0
    const { digits, exponent } = decimalOf(value)
    const shift = exponent - unit.exponent
    // With at most 17 digits each, a value this much smaller cannot be a multiple.
    if (shift < -MAX_DIGITS) return digits === 0n
    if (shift < 0) return digits % (unit.digits * 10n ** BigInt(-shift)) === 0n
    return (digits * powerOfTen(shift, unit.digits)) % unit.digits === 0n
  }
}

const MAX_DIGITS = 17

/** Ten to the power of `exponent`, capped where it adds no factor of `digits`, which contains at most 57 twos. */
function powerOfTen(exponent: number, digits: bigint): bigint {
  return 10n ** BigInt(Math.min(exponent, digits.toString(2).length))
}

/** JavaScript prints the shortest decimal of a double: https://tc39.es/ecma262/#sec-numeric-types-number-tostring */
function decimalOf(value: number): Decimal {
  const [mantissa = '', exponent = '0'] = String(value).split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  return { digits: BigInt(whole + fraction), exponent: Number(exponent) - fraction.length }
}
