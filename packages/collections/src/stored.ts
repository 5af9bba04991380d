import { bsonSize, nameEnd, type Id, type IdType } from '@freshet/protocol'
import { serialize } from 'bson'
import type { Body } from './body.ts'
import { idToBson } from './ids.ts'

const NAME_LENGTH = 2

/**
 * The document as it is stored: `_id` first, then what the body holds in its order, without its `id`.
 * @throws {RangeError} when the id is not valid for its type: ask `isValidId` first.
 */
export function toStored({ bson }: Body, idType: IdType, id: Id): Buffer {
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

/** Where the element `id` begins and ends; both the same when there is none. */
function idIn(bson: Buffer): readonly [number, number] {
  for (let at = 4; at < bson.length - 1;) {
    const stop = nameEnd(bson, at + 1)
    const next = stop + 1 + bsonSize(bson[at] ?? 0, bson, stop + 1)
    if (stop - at - 1 === NAME_LENGTH && bson[at + 1] === 0x69 && bson[at + 2] === 0x64) return [at, next]
    at = next
  }
  return [4, 4]
}
