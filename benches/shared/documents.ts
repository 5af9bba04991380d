import { mongodbCodec } from '@freshet/documents-mongodb'
import { BSON } from 'mongodb'

/** Size of the documents as JSON. As BSON they are a few bytes larger. */
export const documentBytes = 300

/** The lowest version; all have five digits, so that documents keep their size. */
export const firstVersion = 10_000

/** An order as stored by MongoDB: strings, numbers, a nested document and an array. */
export function orderOf(id: string, version = firstVersion): Record<string, unknown> {
  return {
    _id: id,
    product: 'lamp-oak',
    quantity: 3,
    version,
    price: 19.99,
    status: 'open',
    address: { street: '1 High Street', city: 'Springfield', lines: [1, 2, 3] },
    note: 'x'.repeat(noteBytes(id)),
  }
}

const known = new Map<number, number>()

/** The required length of the note, which depends only on the length of the id. */
function noteBytes(id: string): number {
  const found = known.get(id.length)
  if (found !== undefined) return found
  known.set(id.length, 0)
  const bytes = documentBytes - mongodbCodec.encode(BSON.serialize(orderOf(id))).json.length
  known.set(id.length, bytes)
  return bytes
}
