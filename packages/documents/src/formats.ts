import type { Format } from 'ajv/dist/types/index.js'
import { LinearPattern } from './linear-pattern.ts'
import { Steps } from './steps.ts'

/** Patterns for URIs, named as in the grammar of RFC 3986, appendix A. */

const unreserved = 'A-Za-z0-9\\-._~'
const subDelims = "!$&'()*+,;="
const percentEncoded = '%[0-9A-Fa-f]{2}'
const pchar = `(?:[${unreserved}${subDelims}:@]|${percentEncoded})`
const scheme = '[A-Za-z][A-Za-z0-9+\\-.]*'

const h16 = '[0-9A-Fa-f]{1,4}'
const decOctet = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const ipv4Address = `(?:${decOctet}\\.){3}${decOctet}`
const ls32 = `(?:${h16}:${h16}|${ipv4Address})`
const upTo = (count: number): string => `(?:(?:${h16}:){0,${count}}${h16})?`
const ipv6Address = `(?:${[
  `(?:${h16}:){6}${ls32}`,
  `::(?:${h16}:){5}${ls32}`,
  `${upTo(0)}::(?:${h16}:){4}${ls32}`,
  `${upTo(1)}::(?:${h16}:){3}${ls32}`,
  `${upTo(2)}::(?:${h16}:){2}${ls32}`,
  `${upTo(3)}::${h16}:${ls32}`,
  `${upTo(4)}::${ls32}`,
  `${upTo(5)}::${h16}`,
  `${upTo(6)}::`,
].join('|')})`
const ipvFuture = `[vV][0-9A-Fa-f]+\\.[${unreserved}${subDelims}:]+`

const host = `(?:\\[(?:${ipv6Address}|${ipvFuture})\\]|(?:[${unreserved}${subDelims}]|${percentEncoded})*)`
const authority = `(?:(?:[${unreserved}${subDelims}:]|${percentEncoded})*@)?${host}(?::\\d*)?`
const segments = `(?:/${pchar}*)*`
const absolute = `/(?:${pchar}+${segments})?`
const rootless = `${pchar}+${segments}`
/** The first segment has no colon. */
const noScheme = `(?:[${unreserved}${subDelims}@]|${percentEncoded})+${segments}`
const tail = `(?:\\?(?:${pchar}|[/?])*)?(?:#(?:${pchar}|[/?])*)?`
const absoluteUri = `${scheme}:(?://${authority}${segments}|${absolute}|${rootless}|)`

const uri = `^${absoluteUri}${tail}$`
const uriReference = `^(?:${absoluteUri}|//${authority}${segments}|${absolute}|${noScheme}|)${tail}$`
const ipv4 = `^${ipv4Address}$`
const ipv6 = `^${ipv6Address}$`

const name = `(?:[A-Za-z0-9_]|${percentEncoded})(?:\\.?(?:[A-Za-z0-9_]|${percentEncoded}))*`
const variable = `${name}(?::[1-9][0-9]{0,3}|\\*)?`

/** RFC 6570, section 2. */
const uriTemplate = `^(?:[^\\x00-\\x20"'<>%\\\\^\`{|}]|${percentEncoded}|\\{[+#./;?&=,!@|]?${variable}(?:,${variable})*\\})*$`

/** Longer strings are never valid. */
const maxLength = 64

const datePattern = /^(\d{4})-(\d\d)-(\d\d)$/
const timePattern = /^(\d\d):(\d\d):(\d\d)(?:\.\d{1,40})?(?:[Zz]|([+-])(\d\d):(\d\d))?$/
const daysOf = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** `full-date` of RFC 3339, section 5.6. */
function isDate(text: string): boolean {
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
function isTime(text: string, offset: 'needed' | 'optional' = 'needed'): boolean {
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
function isDateTime(text: string, offset: 'needed' | 'optional' = 'needed'): boolean {
  const separator = text[10]
  if (separator !== 'T' && separator !== 't') return false
  return isDate(text.slice(0, 10)) && isTime(text.slice(11), offset)
}

const seconds = '\\d+S'
const minutes = `\\d+M(?:${seconds})?`
const hours = `\\d+H(?:${minutes})?`
const time = `T(?:${hours}|${minutes}|${seconds})`
const days = '\\d+D'
const months = `\\d+M(?:${days})?`
const years = `\\d+Y(?:${months})?`

const label = '[A-Za-z0-9](?:[A-Za-z0-9\\-]{0,61}[A-Za-z0-9])?'
const atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~\\-]+"
const pointer = '(?:/(?:[^~/]|~[01])*)*'
/** Letters and digits of any language, as in browsers. */
const word = '[A-Za-z0-9\\u00a1-\\uffff]'
const hostOfUrl = `(?:${word}+(?:-+${word}+)*\\.)+[A-Za-z\\u00a1-\\uffff]{2,}`

/** Formats defined by a single pattern, with their sources. */
const patterns: Readonly<Record<string, string>> = {
  // RFC 3339, appendix A.
  duration: `^P(?:(?:${days}|${months}|${years})(?:${time})?|${time}|\\d+W)$`,
  uri,
  'uri-reference': uriReference,
  'uri-template': uriTemplate,
  ipv4,
  ipv6,
  // RFC 9562, section 4: input is case-insensitive.
  uuid: '^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$',
  // RFC 6901, sections 3 and 6.
  'json-pointer': `^${pointer}$`,
  'json-pointer-uri-fragment': `^#(?:/(?:[A-Za-z0-9_\\-.!$&'()*+,;:=@]|${percentEncoded}|~[01])*)*$`,
  'relative-json-pointer': `^(?:0|[1-9][0-9]*)(?:#|${pointer})$`,
  // RFC 4648, section 4.
  byte: '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$',
}

/** RFC 5321, section 4.5.3.1, and RFC 1123, section 2.1. */
const [maxEmail, maxLocalPart, maxHost] = [254, 64, 253]
const email = `^${atom}(?:\\.${atom})*@(?:${label}\\.)+${label}$`
const hostname = `^${label}(?:\\.${label})*$`
/** Only publicly reachable pages and files: no `localhost`, no private addresses. */
const url = `^(?:[hH][tT][tT][pP][sS]?|[fF][tT][pP])://(?:[^\\s@/?#]+@)?(?:${ipv4.slice(1, -1)}|${hostOfUrl})(?::\\d{2,5})?(?:[/?#]\\S*)?$`
const privateAddress =
  /^[a-z]+:\/\/(?:[^@/?#]*@)?(?:0|10|127|169\.254|192\.168|172\.(?:1[6-9]|2\d|3[01])|22[4-9]|2[34]\d|25\d)\.[\d.]+(?:[:/?#]|$)/i

/**
 * The formats of JSON Schema and OpenAPI that a collection file may use. None accepts more than its definition, and
 * each takes a number of steps linear in the text.
 */
export function formatsOver(steps: Steps): Record<string, Format> {
  const linear = (source: string): ((text: string) => boolean) => {
    let pattern: LinearPattern | undefined
    return (text) => (pattern ??= new LinearPattern(source, steps)).test(text)
  }
  const isEmail = linear(email)
  const isHostname = linear(hostname)
  const isUrl = linear(url)
  return {
    ...Object.fromEntries(Object.entries(patterns).map(([name, source]) => [name, linear(source)])),
    date: isDate,
    time: (text) => isTime(text),
    'date-time': (text) => isDateTime(text),
    'iso-time': (text) => isTime(text, 'optional'),
    'iso-date-time': (text) => isDateTime(text, 'optional'),
    email: (text) => text.length <= maxEmail && text.indexOf('@') <= maxLocalPart && isEmail(text),
    hostname: (text) => text.length <= maxHost && isHostname(text),
    url: (text) => isUrl(text) && !privateAddress.test(text),
    regex: (text) => isPattern(text, steps),
    int32: { type: 'number', validate: (value) => value === (value | 0) },
    int64: { type: 'number', validate: Number.isInteger },
    float: { type: 'number', validate: () => true },
    double: { type: 'number', validate: () => true },
    password: true,
    binary: true,
  }
}

/** Valid values of `format`, in alphabetical order. */
export const formatNames: readonly string[] = Object.keys(formatsOver(new Steps())).sort()

/** Constructing a RegExp parses the pattern but compiles nothing before its first use. */
function isPattern(text: string, steps: Steps): boolean {
  steps.take(text.length)
  try {
    return new RegExp(text, 'u') instanceof RegExp
  } catch {
    return false
  }
}
