import { Long } from '@freshet/guard'
import type { ReadCommand, ReadConnection, ReadSession } from '@freshet/guard'

/** One reply of a cursor. */
export interface CursorReply {
  /** Raw BSON. */
  readonly documents: readonly Uint8Array[]
  /** Instead of `documents`, for the form `parsed`. */
  readonly parsed: readonly object[]
}

/** A server cursor and its session. Disposing kills an unfinished cursor. */
export class ReadCursor implements AsyncDisposable {
  readonly #connection: ReadConnection
  readonly #collection: string
  readonly #timeoutMs: number
  readonly #form: 'raw' | 'parsed'
  readonly #session: ReadSession
  #id: unknown
  #ended = false
  #hasClusterTime = false

  constructor(
    connection: ReadConnection,
    collection: string,
    timeoutMs: number,
    form: 'raw' | 'parsed' = 'raw',
  ) {
    this.#connection = connection
    this.#collection = collection
    this.#timeoutMs = timeoutMs
    this.#form = form
    this.#session = connection.openSession()
  }

  /** Whether the server confirmed the position of a snapshot read. */
  get hasClusterTime(): boolean {
    return this.#hasClusterTime
  }

  /** Whether the last reply was the final one. */
  get ended(): boolean {
    return this.#ended
  }

  async first(command: ReadCommand): Promise<CursorReply> {
    const cursor = await this.#ask(command)
    this.#hasClusterTime = cursor['atClusterTime'] !== undefined
    return replyOf(cursor['firstBatch'])
  }

  /** @param awaitMs how long the server may wait for data, for an awaitData cursor */
  async next(awaitMs?: number): Promise<CursorReply> {
    const wait = awaitMs === undefined ? {} : { maxTimeMS: awaitMs }
    const cursor = await this.#ask({ getMore: this.#id, collection: this.#collection, ...wait })
    return replyOf(cursor['nextBatch'])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#id !== undefined && !this.#ended) {
      const kill = { killCursors: this.#collection, cursors: [this.#id] }
      // The server also closes idle cursors after a while.
      await this.#connection
        .run(kill, { session: this.#session, timeoutMs: this.#timeoutMs })
        .catch(() => undefined)
    }
    await this.#connection.endSession(this.#session)
  }

  async #ask(command: ReadCommand): Promise<Readonly<Record<string, unknown>>> {
    const raw = this.#form === 'raw' ? ({ raw: 'batches' } as const) : {}
    const reply = await this.#connection.run(command, {
      session: this.#session,
      timeoutMs: this.#timeoutMs,
      ...raw,
    })
    const cursor = fieldsOf(reply['cursor'])
    const id = cursor['id']
    this.#id = id
    this.#ended = !(id instanceof Long) || id.isZero()
    return cursor
  }
}

/** The fields of an object; none for any other value. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function replyOf(batch: unknown): CursorReply {
  const all: readonly unknown[] = Array.isArray(batch) ? batch : []
  return {
    documents: all.filter((item) => item instanceof Uint8Array),
    parsed: all.filter((item) => typeof item === 'object' && item !== null),
  }
}
