import { bsonSize, bsonTypes, nameEnd, uint32At } from '@freshet/protocol'

const limit = 2 ** 53

/**
 * Where the first value stands that a JSON document cannot carry (a date, an ObjectId, a decimal, a stored field `id`, …),
 * as an RFC 6901 pointer into the document as clients see it; `undefined` when all are plain. `_id` is not looked at.
 */
export function firstNotPlain(stored: Uint8Array): string | undefined {
  return inDocument(stored, 0, true, false)
}

function inDocument(bytes: Uint8Array, start: number, top: boolean, array: boolean): string | undefined {
  const end = Math.min(start + uint32At(bytes, start), bytes.length) - 1
  for (let at = start + 4, index = 0; at < end; index += 1) {
    const type = bytes[at] ?? 0
    const stop = nameEnd(bytes, at + 1)
    const size = bsonSize(type, bytes, stop + 1)
    if (size < 0) return ''
    const name = array
      ? String(index)
      : Buffer.from(bytes.buffer, bytes.byteOffset + at + 1, stop - at - 1).toString('utf8')
    if (top && name === 'id') return '/$id'
    const inner = top && name === '_id' ? undefined : inValue(type, bytes, stop + 1)
    if (inner !== undefined) return `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}${inner}`
    at = stop + 1 + size
  }
  return undefined
}

function inValue(type: number, bytes: Uint8Array, at: number): string | undefined {
  switch (type) {
    case bsonTypes.string:
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
    case bsonTypes.int64: {
      const value = (uint32At(bytes, at + 4) | 0) * 0x1_0000_0000 + uint32At(bytes, at)
      return Math.abs(value) < limit ? undefined : ''
    }
    default:
      return ''
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
