import { randomUUID } from 'node:crypto'

import { Long, ObjectId, UUID, type Binary } from 'bson'

import type { Id, IdType } from '@freshet/protocol'

/** What stands as `_id` in a driver's filter or document. */
export type StoredId = string | number | Long | ObjectId | Binary

const forms: Record<IdType, RegExp> = {
  string: /^[A-Za-z0-9_~@|:.-]{1,256}$/,
  objectid: /^[0-9a-f]{24}$/,
  integer: /^(?:0|-?[1-9][0-9]{0,15})$/,
  uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
}

/**
 * Whether this text is an id of such a collection in its one canonical form: hexadecimal in lower case, integers
 * without leading zeros and within 2^53. Another spelling of the same id is not valid, so that a document has one URL.
 */
export function isValidId(idType: IdType, id: string): boolean {
  if (!forms[idType].test(id)) return false
  if (idType === 'string') return id !== '.' && id !== '..'
  return idType !== 'integer' || Number.isSafeInteger(Number(id))
}

/**
 * A new id that no other process makes: a UUIDv7 (RFC 9562, sorts by time of making) for `string` and `uuid`, an
 * ObjectId for `objectid`; `undefined` for `integer`, whose ids must be given by the client.
 */
export function newId(idType: IdType, nowMs: number = Date.now()): Id | undefined {
  switch (idType) {
    case 'string':
    case 'uuid':
      return uuidV7(nowMs)
    case 'objectid':
      return new ObjectId(ObjectId.generate(Math.floor(nowMs / 1000))).toHexString()
    case 'integer':
      return undefined
  }
}

/**
 * The stored form of an id: what the driver is given. Integers are an int or a long, as the shell of the database
 * would write them; a stored double of the same value is found by it too.
 * @throws {RangeError} when the text is not valid for the type: ask {@link isValidId} first.
 */
export function idToBson(idType: IdType, id: Id): StoredId {
  if (!isValidId(idType, id)) throw new RangeError(`Not an id of the type ${idType}: ${JSON.stringify(id)}`)
  switch (idType) {
    case 'string':
      return id
    case 'objectid':
      return ObjectId.createFromHexString(id)
    case 'integer':
      return integer(Number(id))
    case 'uuid':
      return new UUID(id)
  }
}

function integer(value: number): number | Long {
  return value === (value | 0) ? value : Long.fromNumber(value)
}

/** The random part is that of a version 4, which Node.js makes from a pool: bytes of one's own cost 19 us a call. */
function uuidV7(nowMs: number): string {
  const time = nowMs.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}
