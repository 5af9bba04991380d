/** Constants shared by both servers and the load. */
export const collection = 'orders'
export const secret = 'a secret of the benches that is long enough'

/** The rules of the collection, typical for such documents. */
export const collectionFile = {
  type: 'object',
  required: ['id', 'product', 'quantity', 'status', 'note'],
  properties: {
    id: { type: 'string' },
    product: { type: 'string', minLength: 1 },
    quantity: { type: 'integer', minimum: 1 },
    price: { type: 'number', minimum: 0 },
    status: { enum: ['open', 'paid', 'cancelled'], type: 'string' },
    address: {
      type: 'object',
      properties: { street: { type: 'string' }, city: { type: 'string' }, lines: { type: 'array' } },
    },
    note: { type: 'string' },
  },
  additionalProperties: false,
}

/** A document with exactly this many bytes of JSON, without an id. */
export function bodyOf(bytes: number): string {
  const document = {
    product: 'lamp-oak',
    quantity: 3,
    price: 19.99,
    status: 'open',
    address: { street: '1 High Street', city: 'Springfield', lines: [1, 2, 3] },
    note: '',
  }
  const { length } = JSON.stringify(document)
  return JSON.stringify({ ...document, note: 'x'.repeat(bytes - length) })
}
