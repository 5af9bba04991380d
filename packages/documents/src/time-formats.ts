/** Longer strings are never valid. */
const maxLength = 64

const datePattern = /^(\d{4})-(\d\d)-(\d\d)$/
const timePattern = /^(\d\d):(\d\d):(\d\d)(?:\.\d{1,40})?(?:[Zz]|([+-])(\d\d):(\d\d))?$/
const daysOf = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** `full-date` of RFC 3339, section 5.6. */
export function isDate(text: string): boolean {
  const found = text.length > maxLength ? null : datePattern.exec(text)
  if (!found) return false
  const [year = 0, month = 0, day = 0] = found.slice(1).map(Number)
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return day >= 1 && day <= (daysOf[month - 1] ?? 0) + (leap ? 1 : 0)
}

/**
 * `full-time` of RFC 3339, section 5.6; with `optional`, also `partial-time`. Second 60 is valid only at the end of a
 * UTC day (section 5.7).
 */
export function isTime(text: string, offset: 'needed' | 'optional' = 'needed'): boolean {
  const found = text.length > maxLength ? null : timePattern.exec(text)
  if (!found) return false
  const [hour = 0, minute = 0, second = 0] = found.slice(1, 4).map(Number)
  const local = !/[Zz]|[+-]/.test(text)
  if (local && offset === 'needed') return false
  const sign = found[4] === '-' ? -1 : 1
  const hours = Number(found[5] ?? 0)
  const minutes = Number(found[6] ?? 0)
  if (hour > 23 || minute > 59 || hours > 23 || minutes > 59) return false
  const utcMinute = ((((hour - sign * hours) * 60 + minute - sign * minutes) % 1_440) + 1_440) % 1_440
  return second < 60 || (second === 60 && utcMinute === 1_439)
}

/** `date-time` of RFC 3339, section 5.6, with only `T` as the separator. */
export function isDateTime(text: string, offset: 'needed' | 'optional' = 'needed'): boolean {
  const separator = text[10]
  if (separator !== 'T' && separator !== 't') return false
  return isDate(text.slice(0, 10)) && isTime(text.slice(11), offset)
}
