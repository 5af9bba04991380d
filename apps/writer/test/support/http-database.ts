import type { OpenWriter } from './open-writer.ts'

/** A document as clients see it. */
export interface Seen {
  readonly id: string
  readonly name?: unknown
}

/** A database that the tests of requests read and write beside the writer. */
export interface HttpDatabase extends AsyncDisposable {
  /** With the user of the writer. */
  readonly uri: string
  readonly port: number
  /** The same through a proxy. */
  uriThrough(port: number): string
  /** The stored document as JSON with its id first. */
  text(collection: string, id: string): Promise<string | undefined>
  put(collection: string, id: string, members: object): Promise<void>
  /** Stores a product whose `/a/price` no client could send back. */
  putInexact(id: string): Promise<void>
  /** All documents, in the order of their ids. */
  all(collection: string): Promise<readonly Seen[]>
  clear(collection: string): Promise<void>
  /** Gives all products this name. */
  rename(name: string): Promise<void>
  /** Number of answers stored under idempotency keys. */
  answers(): Promise<number>
  /** Locks a product by a transaction of somebody else. */
  lock(id: string): Promise<{ release(): Promise<void> }>
  /** Products with `unique` have names of their own from here on. */
  makeUnique(): Promise<void>
}

/** A writer and its database. */
export interface OpenHttp {
  readonly db: HttpDatabase
  readonly writer: OpenWriter
}
