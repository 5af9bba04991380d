import { isUtf8 } from 'node:buffer'
import { bsonSize, bsonTypes, documentEnd, nameEnd, uint32At } from '@freshet/bson'
import { pointerTo } from '@freshet/documents'
import { exactLong } from './exact-long.ts'
import { shownName } from './shown-name.ts'

/**
 * Where the first value stands that a JSON document cannot carry (a date, an ObjectId, a decimal, a stored field `id`, a
 * text or a name that is not UTF-8, …), as an RFC 6901 pointer into the document as clients see it; `undefined` when
 * all are plain. `_id` is not looked at.
 */
export function firstNotPlain(stored: Uint8Array): string | undefined {
  return inDocument(stored, 0, true, false)
}

function inDocument(bytes: Uint8Array, start: number, top: boolean, array: boolean): string | undefined {
  const end = documentEnd(bytes, start)
  for (let at = start + 4, index = 0; at < end; index += 1) {
    const type = bytes[at] ?? 0
    const stop = nameEnd(bytes, at + 1)
    const size = bsonSize(type, bytes, stop + 1)
    if (size < 0) return ''
    const rawName = Buffer.from(bytes.buffer, bytes.byteOffset + at + 1, stop - at - 1)
    const stored = array ? String(index) : rawName.toString('utf8')
    const name = top ? shownName(stored) : stored
    if (top && stored === 'id') return `/${name}`
    const named = array || isUtf8(rawName)
    const inner = top && stored === '_id' ? undefined : named ? inValue(type, bytes, stop + 1) : ''
    if (inner !== undefined) return pointerTo([name]) + inner
    at = stop + 1 + size
  }
  return undefined
}

function inValue(type: number, bytes: Uint8Array, at: number): string | undefined {
  switch (type) {
    case bsonTypes.string:
      return isUtf8(bytes.subarray(at + 4, at + 3 + uint32At(bytes, at))) ? undefined : ''
    case bsonTypes.boolean:
    case bsonTypes.null:
    case bsonTypes.int32:
      return undefined
    case bsonTypes.document:
      return inDocument(bytes, at, false, false)
    case bsonTypes.array:
      return inDocument(bytes, at, false, true)
    case bsonTypes.double:
      return Number.isFinite(viewOf(bytes).getFloat64(at, true)) ? undefined : ''
    case bsonTypes.int64:
      return exactLong(bytes, at) === undefined ? '' : undefined
    default:
      return ''
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
