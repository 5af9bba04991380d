import { randomUUID } from 'node:crypto'

import { Long, ObjectId, UUID, type Binary } from 'bson'

import { isValidId, type Id, type IdType } from '@freshet/protocol'

/** What stands as `_id` in a driver's filter or document. */
export type StoredId = string | number | Long | ObjectId | Binary

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
 * would write them; a stored double or decimal of the same value is found by it too.
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
