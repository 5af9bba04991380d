/** What all contestants serve: orders of 870 bytes. */
export const database = 'shop'
export const collection = 'orders'
/** Orders that caches have from the start; those after them are missing. */
export const cachedOrders = 100_000
const bodyBytes = 870

const text = { type: 'string', minLength: 1, maxLength: 2_000 }

/** The fields of an order, as collection files and frameworks take them. */
const fields = {
  customer: {
    type: 'object',
    required: ['name', 'email'],
    properties: { name: text, email: text },
    additionalProperties: false,
  },
  address: {
    type: 'object',
    required: ['street', 'city', 'country'],
    properties: { street: text, city: text, zip: text, country: text },
    additionalProperties: false,
  },
  status: { type: 'string', enum: ['open', 'paid', 'cancelled'] },
  lines: {
    type: 'array',
    maxItems: 100,
    items: {
      type: 'object',
      required: ['product', 'quantity', 'price'],
      properties: {
        product: text,
        quantity: { type: 'integer', minimum: 1 },
        price: { type: 'number', minimum: 0 },
      },
      additionalProperties: false,
    },
  },
  total: { type: 'number', minimum: 0 },
  paid: { type: 'boolean' },
  at: text,
  tags: { type: 'array', items: text, maxItems: 20 },
  note: { type: 'string', maxLength: 2_000 },
  mark: { type: 'string', maxLength: 100 },
}

const required = ['customer', 'address', 'status', 'lines', 'total', 'at']

/** What a route validates bodies against. */
export const bodySchema = { type: 'object', required, properties: fields, additionalProperties: false }

/** The collection file. */
export function collectionFile(access: 'public' | 'authenticated'): object {
  const properties = { id: { type: 'string' }, ...fields }
  return { ...bodySchema, properties, 'x-access': { read: access, write: 'authenticated' } }
}

const line = (product: string, quantity: number, price: number) => ({ product, quantity, price })

function orderWith(note: string) {
  return {
    customer: { name: 'Ada Lovelace', email: 'ada@example.com' },
    address: { street: '12 High Street', city: 'Springfield', zip: '62701', country: 'US' },
    status: 'open',
    lines: [line('lamp-oak', 2, 49.9), line('desk-steel', 1, 349), line('chair-linen', 4, 79.25)],
    total: 765.8,
    paid: false,
    at: '2026-11-30T06:30:00.000Z',
    tags: ['gift', 'express'],
    note,
  }
}

/** An order whose JSON has exactly 870 bytes. */
export const order = orderWith('x'.repeat(bodyBytes - JSON.stringify(orderWith('')).length))

export function idOf(index: number): string {
  return `order-${String(index).padStart(6, '0')}`
}

/** Stored documents with consecutive ids. */
export function ordersFrom(index: number, count: number): ({ readonly _id: string } & typeof order)[] {
  return Array.from({ length: count }, (_, n) => ({ _id: idOf(index + n), ...order }))
}
