import { BsonCursor, bsonTypes } from '@freshet/bson'
import { pointerTo, type Issue } from '@freshet/documents'

const DOLLAR = 0x24

/**
 * What the server would not store as it is when this version replaces another one. Only what stands at the top matters:
 * there a name that begins with `$` is refused, and the timestamp (0, 0) gets the time of the write, so that neither the
 * answer nor its tag would be those of what is stored.
 * https://www.mongodb.com/docs/manual/reference/bson-types/#timestamps
 */
export function firstNotStorable(stored: Uint8Array): Issue | undefined {
  const cursor = new BsonCursor(stored)
  while (cursor.next()) {
    const { type, nameAt, nameEnd, valueAt, end } = cursor
    if (stored[nameAt] === DOLLAR)
      return issueAt(stored.subarray(nameAt, nameEnd), 'has a name that MongoDB does not replace')
    if (type === bsonTypes.timestamp && stored.subarray(valueAt, end).every((byte) => byte === 0))
      return issueAt(stored.subarray(nameAt, nameEnd), 'is a timestamp that MongoDB replaces by the time')
  }
  return undefined
}

function issueAt(name: Uint8Array, detail: string): Issue {
  return { pointer: pointerTo([Buffer.from(name).toString()]), detail }
}
