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

/**
 * Whether a reader of `value`, written as briefly as JavaScript writes it, gets the very number that `text` says: 1e300
 * comes back as 1e+300, but 9007199254740993.0 would come back as 9007199254740992. `text` is a number of JSON.
 */
export function readsBack(text: string, value: number): boolean {
  return normal(text) === normal(String(value))
}

/** Digits without zeros at either end, and the power of ten of the last one: one text for one number. */
function normal(text: string): string {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().replace('-', '').split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const digits = `${whole}${fraction}`
  const kept = digits.replace(/0+$/, '')
  return `${kept.replace(/^0+/, '')}e${Number(exponent) - fraction.length + digits.length - kept.length}`
}
