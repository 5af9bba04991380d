/** Patterns for URIs, named as in the grammar of RFC 3986, appendix A. */

const unreserved = 'A-Za-z0-9\\-._~'
const subDelims = "!$&'()*+,;="
export const percentEncoded = '%[0-9A-Fa-f]{2}'
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

export const uri = `^${absoluteUri}${tail}$`
export const uriReference = `^(?:${absoluteUri}|//${authority}${segments}|${absolute}|${noScheme}|)${tail}$`
export const ipv4 = `^${ipv4Address}$`
export const ipv6 = `^${ipv6Address}$`

const name = `(?:[A-Za-z0-9_]|${percentEncoded})(?:\\.?(?:[A-Za-z0-9_]|${percentEncoded}))*`
const variable = `${name}(?::[1-9][0-9]{0,3}|\\*)?`

/** RFC 6570, section 2. */
export const uriTemplate = `^(?:[^\\x00-\\x20"'<>%\\\\^\`{|}]|${percentEncoded}|\\{[+#./;?&=,!@|]?${variable}(?:,${variable})*\\})*$`
