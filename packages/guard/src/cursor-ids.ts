// R.2 fails without this file: the server rejects the id of a cursor.
import { type Document, Long } from 'mongodb'

/**
 * Cursor ids are 64-bit. The driver decodes those below 2^53 as JS numbers and would send them back as doubles or
 * int32, which the server rejects with TypeMismatch. So they are Longs in both directions.
 */
function longOf(id: unknown): unknown {
  if (typeof id === 'number') return Long.fromNumber(id)
  if (typeof id === 'bigint') return Long.fromBigInt(id)
  return id
}

/** The command with Longs instead of numbers. Returns the same object if nothing changes. */
export function withLongCursorIds(command: Document): Document {
  // Key order matters: the first key is the command's name.
  if ('getMore' in command) return { ...command, getMore: longOf(command['getMore']) }
  const cursors: unknown = command['cursors']
  if (Array.isArray(cursors)) return { ...command, cursors: cursors.map(longOf) }
  return command
}

/** Converts `cursor.id` of a reply to a Long, in place. */
export function makeCursorIdLong(reply: Document): Document {
  const cursor: unknown = reply['cursor']
  if (typeof cursor === 'object' && cursor !== null && 'id' in cursor) cursor.id = longOf(cursor.id)
  return reply
}
