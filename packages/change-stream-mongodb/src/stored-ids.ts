import { Long, ObjectId, UUID } from '@freshet/guard'
import { isValidId, type Id, type IdType } from '@freshet/protocol'

/** An id in a filter. */
export type StoredId = string | Long | ObjectId | UUID

/**
 * Converts an id for use in a filter; `undefined` if it is not valid for the type, so no document has it. Numbers match
 * across int, long, double and decimal; strings match symbols.
 */
export function storedId(idType: IdType, id: Id): StoredId | undefined {
  if (!isValidId(idType, id)) return undefined
  switch (idType) {
    case 'string':
      return id
    case 'objectid':
      return ObjectId.createFromHexString(id)
    case 'integer':
      return Long.fromString(id)
    case 'uuid':
      return new UUID(id)
  }
}
