import { openTestDatabase, type TestDatabase, type TestDatabaseOptions } from '@freshet/testkit'
import type { Collection } from 'mongodb'
import { bearerOf, collections, openWriter, type Got, type OpenWriter, type Sent } from './open-writer.ts'

/** Sends a request with a key, any number of times. */
export type Send = (method: string, path: string, sent?: Sent) => Promise<Got>

/** Returns a function that creates senders, each with a new key of the default caller or with this key and caller. */
export function sendersOf(
  writer: OpenWriter,
): (key?: string, caller?: string, ...handlers: readonly string[]) => Send {
  let keys = 0
  return (key = `key-${++keys}`, caller = 'tester', ...handlers) =>
    async (method, path, { headers, body } = {}) =>
      await writer.send(method, path, {
        headers: {
          authorization: await bearerOf(caller, handlers),
          'idempotency-key': key,
          ...headers,
        },
        ...(body !== undefined && { body }),
      })
}

const names = ['etag', 'location', 'content-type', 'content-length', 'preference-applied', 'cache-control']

/** The parts of an answer that must be equal when it is replayed. */
export function told({ status, headers, text }: Got): object {
  return { status, text, headers: names.map((name) => headers.get(name)) }
}

/** Matches the body of a problem with this code. */
export const problem = (code: string): object => ({ type: `https://freshet.dev/problems/${code}` })

export const merge = { 'content-type': 'application/merge-patch+json' }
/** A patch whose effect shows how often it was applied. */
export const append = {
  headers: { 'content-type': 'application/json-patch+json' },
  body: [{ op: 'add', path: '/tags/-', value: 'x' }],
}

export interface Product {
  readonly _id: string
  readonly name: string
  readonly tags?: readonly string[]
}

/** A writer for keyed requests, and direct access to its documents and stored answers. */
export interface KeyedWriter {
  readonly db: TestDatabase
  readonly writer: OpenWriter
  readonly sender: ReturnType<typeof sendersOf>
  readonly products: Collection<Product>
  readonly records: Collection
  readonly close: () => Promise<void>
}

export async function openKeyedWriter(
  options: TestDatabaseOptions = {},
  argv: readonly string[] = [],
): Promise<KeyedWriter> {
  const db = await openTestDatabase({ collections, ...options })
  const writer = await openWriter(db.uriFor('writer'), { argv })
  return {
    db,
    writer,
    sender: sendersOf(writer),
    products: db.admin.db('shop').collection<Product>('products'),
    records: db.admin.db('shop_internal').collection('idempotency'),
    close: async () => {
      await writer[Symbol.asyncDispose]()
      await db[Symbol.asyncDispose]()
    },
  }
}
