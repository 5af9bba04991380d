import {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
  Decimal128,
  Double,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  serialize,
  Timestamp,
} from 'bson'
import { replaceJsonTokens } from '@freshet/protocol'

/** JavaScript moves integer-like names to the front, so these names are parsed with this mark before them. */
const MARK = '\uFFFF'
const markedName = /^"(?:\d|\uFFFF|\\u(?:ffff|003\d))/i

/** A string, a number that JSON does not have, or an integer of sixteen digits or more. */
const tokens = /"|-?Infinity|NaN|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g
const colon = /\s*:/y

/**
 * The BSON of a document from its extended JSON: version 2, canonical or relaxed, or version 1, strict, which Debezium writes.
 * Names keep their order. An object that is not exactly one of the types below is a document, whatever its names.
 * https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/ and …-v1/
 * @throws {SyntaxError} not the JSON of an object.
 */
export function bsonOfExtendedJson(text: string): Uint8Array {
  const json = replaceJsonTokens(text, tokens, (token, end) => prepared(token, text, end))
  const value = valueOf(JSON.parse(json))
  if (!(value instanceof Map)) throw new SyntaxError('expected the extended JSON of a document')
  return serialize(value)
}

/** @param end where the token ends in the text. */
function prepared(token: string, text: string, end: number): string {
  if (token.startsWith('"'))
    return markedName.test(token) && isName(text, end) ? `"${MARK}${token.slice(1)}` : token
  return /\d/.test(token) ? `{"$numberLong":"${token}"}` : `{"$numberDouble":"${token}"}`
}

/** Whether the string that ends there is the name of a member. */
function isName(text: string, end: number): boolean {
  colon.lastIndex = end
  return colon.test(text)
}

/** As in `bson`, except that documents are maps. */
function valueOf(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(valueOf)
  if (!isObject(json)) return json
  const read = types.get(Object.keys(json).toSorted().join())
  const typed = read && attempt(() => read(json))
  return typed === undefined ? documentOf(json) : typed
}

type Members = Readonly<Record<string, unknown>>

function isObject(json: unknown): json is Members {
  return json !== null && typeof json === 'object'
}

function documentOf(json: Members): ReadonlyMap<string, unknown> {
  const document = new Map<string, unknown>()
  for (const [name, value] of Object.entries(json))
    // A type that is not shown in documents.
    if (!(isObject(value) && value['$undefined'] === true))
      document.set(name.startsWith(MARK) ? name.slice(1) : name, valueOf(value))
  return document
}

/** What `read` returns; `undefined` if the values are not those of the type. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    // A document that only looks like the type.
    return undefined
  }
}

/** By the names of an object's members in alphabetical order. `undefined`, or an error: another object. */
const types: ReadonlyMap<string, (members: Members) => unknown> = new Map(
  Object.entries<(members: Members) => unknown>({
    $oid: ({ $oid }) => ObjectId.createFromHexString(text($oid)),
    $numberInt: ({ $numberInt }) => Number(text($numberInt, /^-?\d+$/)),
    $numberLong: ({ $numberLong }) => Long.fromString(text($numberLong, /^-?\d{1,19}$/)),
    $numberDouble: ({ $numberDouble }) =>
      new Double(Number(text($numberDouble, /^(?:-?Infinity|NaN|-?\d.*)$/))),
    $numberDecimal: ({ $numberDecimal }) => Decimal128.fromString(text($numberDecimal)),
    $date: ({ $date }) => dateOf($date),
    $binary: ({ $binary }) =>
      isObject($binary) ? binaryOf($binary['base64'], $binary['subType']) : undefined,
    '$binary,$type': ({ $binary, $type }) => binaryOf($binary, $type),
    $regularExpression: ({ $regularExpression: regex }) =>
      isObject(regex) ? new BSONRegExp(text(regex['pattern']), text(regex['options'])) : undefined,
    '$options,$regex': ({ $options, $regex }) => new BSONRegExp(text($regex), text($options)),
    $timestamp: ({ $timestamp }) =>
      isObject($timestamp)
        ? new Timestamp({ t: Number($timestamp['t']), i: Number($timestamp['i']) })
        : undefined,
    $minKey: ({ $minKey }) => ($minKey === 1 ? new MinKey() : undefined),
    $maxKey: ({ $maxKey }) => ($maxKey === 1 ? new MaxKey() : undefined),
    $symbol: ({ $symbol }) => new BSONSymbol(text($symbol)),
    $code: ({ $code }) => new Code(text($code)),
    '$code,$scope': ({ $code, $scope }) =>
      isObject($scope) ? new Code(text($code), documentOf($scope)) : undefined,
    // In an array, where it must keep its place.
    $undefined: ({ $undefined }) => ($undefined === true ? null : undefined),
  }),
)

/** @throws {TypeError} */
function text(value: unknown, pattern = /^/): string {
  if (typeof value === 'string' && pattern.test(value)) return value
  throw new TypeError('expected the text of another type')
}

function binaryOf(base64: unknown, subtype: unknown): Binary {
  return new Binary(
    Buffer.from(text(base64), 'base64'),
    Number.parseInt(text(subtype, /^[\da-f]{1,2}$/i), 16),
  )
}

/** `$date` is a number of milliseconds in version 1; a long or a text in version 2. */
function dateOf(date: unknown): Date | string | undefined {
  const long = isObject(date) ? text(date['$numberLong'], /^-?\d+$/) : undefined
  const ms = long ?? date
  const value = new Date(typeof ms === 'string' && long === undefined ? ms : Number(ms))
  if (!Number.isNaN(value.getTime())) return value
  // JavaScript has no such date. It is shown as the number of its milliseconds.
  return long
}
