import type { Id, IdType } from '@freshet/protocol'
import { BsonCursor } from '@freshet/bson'
import { serialize } from 'bson'
import { BodyError } from '@freshet/documents'
import { idToBson } from './ids.ts'

const FIELD_ID = Buffer.from('id')
const STORED_ID = Buffer.from('_id')

/**
 * The document as it is stored: `_id` first, then what the body holds in its order, without its `id`.
 * @throws {RangeError} when the id is not valid for its type: ask `isValidId` first.
 * @throws {BodyError} forbidden-name: the body has an `_id`, which `readBody` lets nobody send. Of two, MongoDB would
 *   take one and readers another.
 */
export function toStored(bson: Buffer, idType: IdType, id: Id): Buffer {
  const head = serialize({ _id: idToBson(idType, id) })
  const [from, to] = idIn(bson)
  // Of each part without its length and its final zero.
  const length = head.length + bson.length - 5 - (to - from)
  const stored = Buffer.allocUnsafeSlow(length)
  stored.writeInt32LE(length, 0)
  stored.set(head.subarray(4, -1), 4)
  const at = head.length - 1
  bson.copy(stored, at, 4, from)
  bson.copy(stored, at + from - 4, to)
  return stored
}

/** Where the element `id` begins and ends; both the same when there is none. Looks at every name of the top. */
function idIn(bson: Buffer): readonly [number, number] {
  let found: readonly [number, number] = [4, 4]
  const cursor = new BsonCursor(bson)
  while (cursor.next()) {
    if (cursor.isNamed(STORED_ID))
      throw new BodyError('forbidden-name', '/_id', "expected 'id' for the id of the document, got '_id'")
    if (cursor.isNamed(FIELD_ID)) found = [cursor.nameAt - 1, cursor.end]
  }
  return found
}
