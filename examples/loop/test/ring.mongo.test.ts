import { afterAll, expect, test } from '@jest/globals'
import { asDocuments, openReplica, type ChangeHandler } from '@freshet/embed'
import { eventually, openTestDatabase } from '@freshet/testkit'
import { openWriter, tokenFor } from './support/open-writer.ts'

const db = await openTestDatabase({ collections: ['orders', 'stock'] })
afterAll(() => db[Symbol.asyncDispose]())

/** What was heard, in the order in which the writer answered: the next service may hear a write before its own answer. */
const hears = new Map<string, readonly string[]>()

/** A service that, for each change in `from`, writes a new document to `to` through the writer. */
async function openLink(service: string, from: string, to: string, writer: string): Promise<AsyncDisposable> {
  const replica = await openReplica({
    uri: db.uriFor('reader'),
    database: 'shop',
    collections: { orders: 'string', stock: 'string' },
    encoder: asDocuments,
    handlers: { service, writers: [writer] },
  })
  const handler: ChangeHandler = {
    name: 'pass-on',
    collections: [from],
    allowWrites: [{ collection: to, reason: 'one link of a ring' }],
    handle: async ({ id, cause }, { fetch }) => {
      const answer = await fetch(`${writer}/v1/${to}/${id}x`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${tokenFor(service)}`, 'content-type': 'application/json' },
        body: '{}',
      })
      const [start = ''] = id.split('-')
      const line = `after ${cause.length} ${service} heard ${from}: ${answer.status}`
      hears.set(start, [...(hears.get(start) ?? []), line])
    },
  }
  replica.onChange(handler)
  return replica
}

/** Orders lead to stock, and stock to orders. */
async function openRing(writer: string): Promise<{ readonly services: number } & AsyncDisposable> {
  const links = [
    await openLink('a', 'orders', 'stock', writer),
    await openLink('b', 'stock', 'orders', writer),
  ]
  const close = async (): Promise<void> => {
    for (const link of links) await link[Symbol.asyncDispose]()
  }
  return { services: links.length, [Symbol.asyncDispose]: close }
}

test.each([
  [1, ['after 0 a heard orders: 201', 'after 1 b heard stock: 508']],
  [2, ['after 0 a heard orders: 201', 'after 1 b heard stock: 201', 'after 2 a heard orders: 508']],
  [16, ['after 0 a heard orders: 201', 'after 1 b heard stock: 201', 'after 2 a heard orders: 508']],
])(
  'G6.3 G6.4 two services that lead each other to new documents are stopped, with %d hops allowed',
  async (maxHops, story) => {
    await using writer = await openWriter(db.uriFor('writer'), `--max-hops=${maxHops}`)
    await using ring = await openRing(writer.url)
    expect(ring.services).toBe(2)
    await db.admin
      .db('shop')
      .collection<{ _id: string }>('orders')
      .insertOne({ _id: `max${maxHops}-` })
    await eventually(() => expect(hears.get(`max${maxHops}`)?.toSorted()).toEqual(story))
  },
)
