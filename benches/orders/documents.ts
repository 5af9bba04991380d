import { mongodbCodec } from '@freshet/documents-mongodb'
import { BSON } from 'mongodb'

/** What the documents of the benches are as JSON. As BSON they have a few bytes more. */
export const documentBytes = 300

/** The smallest version; all have five digits, so that documents keep their size. */
export const firstVersion = 10_000

/** An order as MongoDB stores it: texts, numbers, a nested document and an array. */
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

/** How long the note must be; depends on the length of the id alone. */
function noteBytes(id: string): number {
  const found = known.get(id.length)
  if (found !== undefined) return found
  known.set(id.length, 0)
  const bytes = documentBytes - mongodbCodec.encode(BSON.serialize(orderOf(id))).json.length
  known.set(id.length, bytes)
  return bytes
}
