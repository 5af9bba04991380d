import { BsonCursor, bsonTypes } from '@freshet/bson'
import { pointerTo, type Issue } from '@freshet/documents'

const DOLLAR = 0x24

/**
 * Finds what the server would not store unchanged when a document is replaced. Only the top level matters: a name that
 * begins with `$` is rejected, and the timestamp (0, 0) is replaced by the current time, so the response and its ETag
 * would be wrong.
 * https://www.mongodb.com/docs/manual/reference/bson-types/#timestamps
 */
export function firstNotStorable(stored: Uint8Array): Issue | undefined {
  const cursor = new BsonCursor(stored)
  while (cursor.next()) {
    const { type, nameAt, nameEnd, valueAt, end } = cursor
    if (stored[nameAt] === DOLLAR)
      return issueAt(stored.subarray(nameAt, nameEnd), 'has a name that MongoDB rejects in replacements')
    if (type === bsonTypes.timestamp && stored.subarray(valueAt, end).every((byte) => byte === 0))
      return issueAt(
        stored.subarray(nameAt, nameEnd),
        'is a timestamp that MongoDB replaces with the current time',
      )
  }
  return undefined
}

function issueAt(name: Uint8Array, detail: string): Issue {
  return { pointer: pointerTo([Buffer.from(name).toString()]), detail }
}
