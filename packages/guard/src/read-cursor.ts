import type { Document } from 'mongodb'
import type { ReadCommand, ReadConnection } from './contract.ts'
import { frozen } from './frozen.ts'
import type { Frozen } from './frozen.ts'

/** What a read may be limited by, beside its own options. */
export interface ReadLimits {
  /** Documents per reply; 101 in the first, then what fits 16 MiB, unless told. */
  readonly batchSize?: number
  readonly signal?: AbortSignal
}

/**
 * The answer to a `find` or an `aggregate`: frozen documents, fetched while they are taken. Each iteration asks anew.
 * Leaving a loop early tells the server to forget the cursor.
 */
export class ReadCursor<T> implements AsyncIterable<Frozen<T>> {
  readonly #connection: ReadConnection
  readonly #command: ReadCommand
  readonly #limits: ReadLimits

  /** @param command a `find` or an `aggregate` with `cursor`. */
  constructor(connection: ReadConnection, command: ReadCommand, limits: ReadLimits) {
    this.#connection = connection
    this.#command = command
    this.#limits = limits
  }

  /** All documents at once; memory is the caller's affair. */
  async toArray(): Promise<readonly Frozen<T>[]> {
    const documents: Frozen<T>[] = []
    for await (const document of this) documents.push(document)
    return documents
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Frozen<T>, void, void> {
    const session = this.#connection.openSession()
    const options = { session, ...(this.#limits.signal && { signal: this.#limits.signal }) }
    const batch = this.#limits.batchSize === undefined ? {} : { batchSize: this.#limits.batchSize }
    let open: { readonly id: unknown; readonly collection: string } | undefined
    try {
      let reply = await this.#connection.run(this.#command, options)
      for (;;) {
        const cursor = cursorOf(reply)
        open = isZero(cursor.id) ? undefined : { id: cursor.id, collection: cursor.collection }
        for (const document of cursor.documents) yield frozen(document as T)
        if (!open) return
        reply = await this.#connection.run(
          { getMore: open.id, collection: open.collection, ...batch },
          options,
        )
      }
    } finally {
      if (open) await this.#forget(open)
      await this.#connection.endSession(session)
    }
  }

  async #forget(open: { readonly id: unknown; readonly collection: string }): Promise<void> {
    // The server forgets idle cursors by itself after ten minutes: a failure here must not hide the caller's own.
    await this.#connection.run({ killCursors: open.collection, cursors: [open.id] }).catch(() => undefined)
  }
}

function cursorOf(reply: Document): { id: unknown; collection: string; documents: readonly unknown[] } {
  const cursor: unknown = reply['cursor']
  if (typeof cursor !== 'object' || cursor === null || !('id' in cursor) || !('ns' in cursor)) {
    throw new TypeError('the reply has no cursor')
  }
  const documents: unknown = 'firstBatch' in cursor ? cursor.firstBatch : Reflect.get(cursor, 'nextBatch')
  const namespace = String(cursor.ns)
  return {
    id: cursor.id,
    collection: namespace.slice(namespace.indexOf('.') + 1),
    documents: Array.isArray(documents) ? documents : [],
  }
}

function isZero(id: unknown): boolean {
  return String(id) === '0'
}
