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

/**
 * Whether the shortest JavaScript form of `value` denotes exactly the number in `text`, a JSON number. 1e300 does
 * (1e+300); 9007199254740993.0 does not (9007199254740992).
 */
export function readsBack(text: string, value: number): boolean {
  return normal(text) === normal(String(value))
}

/** Digits without leading and trailing zeros, and the exponent of the last digit: one text per number. */
function normal(text: string): string {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().replace('-', '').split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const digits = `${whole}${fraction}`
  const kept = digits.replace(/0+$/, '')
  return `${kept.replace(/^0+/, '')}e${Number(exponent) - fraction.length + digits.length - kept.length}`
}
