import type { Format } from 'ajv/dist/types/index.js'
import { LinearPattern } from './linear-pattern.ts'
import { Steps } from './steps.ts'
import { isDate, isDateTime, isTime } from './time-formats.ts'
import { ipv4, ipv6, percentEncoded, uri, uriReference, uriTemplate } from './uri-patterns.ts'

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
