import { Long, ObjectId, UUID } from '@freshet/guard'
import { isValidId, type Id, type IdType } from '@freshet/protocol'

/** What stands in a filter for an id. */
export type StoredId = string | Long | ObjectId | UUID

/**
 * An id as it stands in a filter; `undefined`: the text is no id of this type, so no document has it. Numbers match
 * across int, long, double and decimal, and strings match symbols.
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
