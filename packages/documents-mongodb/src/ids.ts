import { uuidV7 } from '@freshet/documents'
import { Long, ObjectId, UUID, type Binary } from 'bson'

import { isValidId, type Id, type IdType } from '@freshet/protocol'

/** The type of `_id` in a driver's filter or document. */
export type StoredId = string | number | Long | ObjectId | Binary

/**
 * A new unique id: a UUIDv7 (RFC 9562, sorts by creation time) for `string` and `uuid`, an ObjectId for `objectid`.
 * `undefined` for `integer`: the client must provide these.
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
 * The stored form of an id, for the driver. Integers become an int32 or int64, as mongosh would write them; a query for
 * them also matches a stored double or decimal of the same value.
 * @throws {RangeError} if the text is not valid for the type; check with {@link isValidId} first.
 */
export function idToBson(idType: IdType, id: Id): StoredId {
  if (!isValidId(idType, id))
    throw new RangeError(`Expected an id of type ${idType}, got ${JSON.stringify(id)}`)
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
