import { Long, ObjectId, UUID } from '@freshet/guard'
import type { Id, IdType } from '@freshet/protocol'

const forms: Readonly<Record<IdType, RegExp>> = {
  string: /^/,
  objectid: /^[0-9a-f]{24}$/,
  integer: /^-?[0-9]{1,16}$/,
  uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
}

/** What stands in a filter for an id. */
export type StoredId = string | Long | ObjectId | UUID

/**
 * An id as it stands in a filter; `undefined`: the text is no id of this type, so no document has it. Numbers match
 * across int, long and double.
 */
export function storedId(idType: IdType, id: Id): StoredId | undefined {
  if (!forms[idType].test(id)) return undefined
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
