// R.2 fails without this file: the server gets the id of a cursor in a type that it refuses.
import { Long } from 'mongodb'
import type { Document } from 'mongodb'

/**
 * Cursor ids are 64-bit. The driver turns those below 2^53 into JS numbers, which it would send back as doubles or
 * 32-bit integers, and the server answers TypeMismatch: so they are Longs on both sides of this file.
 */
function longOf(id: unknown): unknown {
  if (typeof id === 'number') return Long.fromNumber(id)
  if (typeof id === 'bigint') return Long.fromBigInt(id)
  return id
}

/** The command to send: with Longs where the caller had numbers. The same object when nothing is to be changed. */
export function withLongCursorIds(command: Document): Document {
  // Key order matters: the first key is the command's name.
  if ('getMore' in command) return { ...command, getMore: longOf(command['getMore']) }
  const cursors: unknown = command['cursors']
  if (Array.isArray(cursors)) return { ...command, cursors: cursors.map(longOf) }
  return command
}

/** Makes `cursor.id` of a fresh reply a Long, in place. */
export function makeCursorIdLong(reply: Document): Document {
  const cursor: unknown = reply['cursor']
  if (typeof cursor === 'object' && cursor !== null && 'id' in cursor) cursor.id = longOf(cursor.id)
  return reply
}
