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
