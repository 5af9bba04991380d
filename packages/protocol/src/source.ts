import type { Lineage } from './lineage.ts'

/**
 * Eight lowercase hex digits that identify one history of one database. Positions of different sources are not
 * comparable.
 */
export type SourceId = string & { readonly __brand: 'SourceId' }

/**
 * A point in a source's order of changes: 16 lowercase hex digits. Sorts as text, so `a < b` means "earlier". Only the
 * source interprets the digits.
 */
export type Position = string & { readonly __brand: 'Position' }

/** A position with its history, as clients send it: `<source>.<position>`. */
export interface SourcePosition {
  readonly source: SourceId
  readonly at: Position
}

const positionPattern = /^[0-9a-f]{16}$/
const sourcePattern = /^[0-9a-f]{8}$/
const wirePattern = /^([0-9a-f]{8})\.([0-9a-f]{16})$/

/** The earliest position. */
export const POSITION_ZERO = '0000000000000000' as Position

/** Later than any real position. */
export const POSITION_NEVER = 'ffffffffffffffff' as Position

/** Parses a position; `undefined` if invalid. */
export function parsePosition(text: string): Position | undefined {
  return positionPattern.test(text) ? (text as Position) : undefined
}

/** Parses a source id; `undefined` if invalid. */
export function parseSourceId(text: string): SourceId | undefined {
  return sourcePattern.test(text) ? (text as SourceId) : undefined
}

/** A position from its two unsigned 32-bit halves. */
export function positionOf(high: number, low: number): Position {
  return (hex8(high) + hex8(low)) as Position
}

/** The high half. */
export function highOf(position: Position): number {
  return Number.parseInt(position.slice(0, 8), 16)
}

/** The low half. */
export function lowOf(position: Position): number {
  return Number.parseInt(position.slice(8), 16)
}

/** The position one tick earlier. {@link POSITION_ZERO} stays. */
export function before(position: Position): Position {
  const low = lowOf(position)
  if (low > 0) return positionOf(highOf(position), low - 1)
  const high = highOf(position)
  return high > 0 ? positionOf(high - 1, 0xffffffff) : position
}

/** The position one tick later. {@link POSITION_NEVER} stays. */
export function after(position: Position): Position {
  if (position === POSITION_NEVER) return position
  const low = lowOf(position)
  return low < 0xffffffff ? positionOf(highOf(position), low + 1) : positionOf(highOf(position) + 1, 0)
}

/** Formats the `Freshet-Position` header. */
export function formatSourcePosition(source: SourceId, at: Position): string {
  return `${source}.${at}`
}

/** Parses a `Freshet-Position` or `Freshet-At-Least` header; `undefined` if malformed. */
export function parseSourcePosition(text: string): SourcePosition | undefined {
  const match = wirePattern.exec(text)
  return match ? { source: match[1] as SourceId, at: match[2] as Position } : undefined
}

function hex8(value: number): string {
  return value.toString(16).padStart(8, '0')
}

/**
 * A document's `_id` in the form used in URLs. Each collection declares an {@link IdType}. Values that a source treats
 * as equal (int 5, double 5.0, decimal 5.00) have the same form. Documents with an `_id` of another type are not part
 * of the collection.
 */
export type Id = string

/** The type of `_id` in a collection. */
export type IdType = 'string' | 'objectid' | 'integer' | 'uuid'

/** A collection of a source: the type of its ids and its name in the database. */
export interface StoredCollection {
  readonly idType: IdType
  readonly stored: string
}

/** Declares a collection: the type of its ids, and its name in the database if it differs. */
export type CollectionPlace = IdType | StoredCollection

/** Why the database cannot serve a collection of this name, phrased as what is expected; `undefined` if it can. */
export type StoredNameFault = (stored: string) => string | undefined

/** Resolves the declaration of a collection. */
export function placeOf(name: string, declared: CollectionPlace): StoredCollection {
  return typeof declared === 'string' ? { idType: declared, stored: name } : declared
}

/**
 * Resolves all declarations, by name.
 * @throws {TypeError} a collection cannot be served, or is declared under two names: only one of them would receive its
 * changes.
 */
export function placesOf(
  declared: ReadonlyMap<string, CollectionPlace>,
  storedNameFault: StoredNameFault,
): ReadonlyMap<string, StoredCollection> {
  const names = new Map<string, string>()
  const places = new Map<string, StoredCollection>()
  for (const [name, one] of declared) {
    const place = placeOf(name, one)
    const { stored } = place
    const fault = storedNameFault(stored)
    if (fault !== undefined) throw new TypeError(`expected ${fault}, got '${stored}' for '${name}'`)
    const other = names.get(stored)
    if (other !== undefined)
      throw new TypeError(`expected each collection once, got '${stored}' for '${other}' and '${name}'`)
    names.set(stored, name)
    places.set(name, place)
  }
  return places
}

const MAX_ID_LENGTH = 256

/** 1 for each ASCII code that an id may contain. */
const idCodes = new Uint8Array(128)
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_~@|:.-')
  idCodes[char.charCodeAt(0)] = 1

/** Whether a decoded string is a valid id: 1 to 256 of `A-Z a-z 0-9 _ ~ @ | : . -`, not `.` or `..`. */
export function isId(text: string): boolean {
  const { length } = text
  if (length === 0 || length > MAX_ID_LENGTH || text === '.' || text === '..') return false
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127 || idCodes[code] !== 1) return false
  }
  return true
}

const idForms: Readonly<Record<Exclude<IdType, 'string'>, RegExp>> = {
  objectid: /^[0-9a-f]{24}$/,
  integer: /^(?:0|-?[1-9][0-9]{0,15})$/,
  uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
}

/** The form of each id type, for error messages. */
const idFormDetails: Readonly<Record<IdType, string>> = {
  string: '1 to 256 characters of A-Z a-z 0-9 _ ~ @ | : . - other than "." and ".."',
  objectid: '24 hexadecimal digits in lower case',
  integer: 'an integer within 2^53, without leading zeros or a plus',
  uuid: 'a UUID in lower case: 8-4-4-4-12 hexadecimal digits',
}

/**
 * Whether a string is a valid id of this type, in canonical form: hex digits in lower case, integers without leading
 * zeros and within 2^53. Other spellings are invalid, so that a document has one URL. Shared by writers and readers.
 */
export function isValidId(idType: IdType, id: string): boolean {
  if (idType === 'string') return isId(id)
  return idForms[idType].test(id) && (idType !== 'integer' || Number.isSafeInteger(Number(id)))
}

/** The error detail for an invalid id. */
export function badIdDetail(idType: IdType, id: Id): string {
  return `Expected ${idFormDetails[idType]}; got ${JSON.stringify(id.length > 80 ? `${id.slice(0, 80)}…` : id)}.`
}

/** A document in the source's own encoding. */
export type Bytes = Uint8Array

/** Common to all changes of one document. */
interface OfDocument {
  readonly collection: string
  readonly id: Id
  /** The handlers that led to this change, if the writer knew; otherwise absent. */
  readonly cause?: Lineage
}

/** The document was inserted or replaced; `document` is its complete new state. */
export interface Upsert extends OfDocument {
  readonly kind: 'upsert'
  /** Only valid until the consumer's next `await`: copy what you keep. */
  readonly document: Bytes
}

/** The document was deleted. */
export interface Delete extends OfDocument {
  readonly kind: 'delete'
}

/** The document changed, or may have; the event does not contain its new content. */
export interface Invalidate extends OfDocument {
  readonly kind: 'invalidate'
}

/** The collection was dropped or renamed; all its documents are deleted. */
export interface DropCollection {
  readonly kind: 'drop-collection'
  readonly collection: string
}

/** Another collection was renamed to this name, or the definition changed: every document may have changed. */
export interface InvalidateCollection {
  readonly kind: 'invalidate-collection'
  readonly collection: string
}

/** Everything must be invalidated (the database was dropped, or an unknown event). */
export interface InvalidateAll {
  readonly kind: 'invalidate-all'
}

/** A change of one document. */
export type DocumentChange = Upsert | Delete | Invalidate

/** A change that any source can emit. */
export type Change = DocumentChange | DropCollection | InvalidateCollection | InvalidateAll
