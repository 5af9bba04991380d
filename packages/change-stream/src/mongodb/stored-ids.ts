import { Long, ObjectId, UUID } from '@freshet/guard'
import type { Id, IdType } from '@freshet/protocol'

/** An id as it stands in a filter. Numbers match across int, long and double. */
export function storedId(idType: IdType, id: Id): string | Long | ObjectId | UUID {
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
