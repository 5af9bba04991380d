/** Limits of a body. Whatever is stored within them can be read back by any JSON reader. */
export const bodyLimits = Object.freeze({ maxLevels: 64, maxKeys: 1_000 })

/** Names that are dangerous to JavaScript programs (prototype pollution). */
export const reservedNames: readonly string[] = Object.freeze(['__proto__', 'constructor', 'prototype'])

/** Why a member may not have this name; `undefined` if it may. @param top it is a member of the document itself. */
export function nameFault(name: string, top: boolean): string | undefined {
  if (name.startsWith('$')) return "expected a name that does not begin with '$'"
  if (/[.\0]/.test(name)) return "expected a name without '.' or NUL"
  if (reservedNames.includes(name)) return 'expected a name that is not reserved'
  return top && name === '_id' ? "expected the document's id as 'id', got '_id'" : undefined
}

/** Integers up to this are exact; larger doubles have no fraction. */
const safeLimit = 2 ** 53

/** Why a number in a body may not be stored: it would read back as another one. `undefined` if it may. */
export function numberFault(text: string): string | undefined {
  const value = Number(text)
  // Underflow: a nonzero number would be stored as 0.
  if (!Number.isFinite(value) || (value === 0 && /^[^eE]*[1-9]/.test(text)))
    return 'expected a number within the range of a double'
  const isInteger = !/[.eE]/.test(text)
  const exact =
    Math.abs(value) < safeLimit || ((Math.abs(value) === safeLimit || !isInteger) && readsBack(text, value))
  if (exact) return undefined
  return isInteger
    ? 'expected an integer within ±2^53; send larger ones as strings'
    : 'expected a number that a double represents exactly; send others as strings'
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
