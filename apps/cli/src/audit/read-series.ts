import { Long } from '@freshet/guard'
import type { ReadCommand, ReadConnection, ReadSession } from '@freshet/guard'

/** One reply of a cursor. */
export interface SeriesReply {
  /** Raw BSON. */
  readonly documents: readonly Uint8Array[]
  /** In place of `documents`, when that was asked for. */
  readonly parsed: readonly object[]
}

/** All replies of one cursor, in one session. One that is left early makes the server forget the cursor. */
export class ReadSeries implements AsyncDisposable {
  readonly #connection: ReadConnection
  readonly #collection: string
  readonly #timeoutMs: number
  readonly #form: 'raw' | 'parsed'
  readonly #session: ReadSession
  #id: unknown
  #ended = false
  #standsAtTime = false

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

  /** The server confirms the position that it reads at. */
  get standsAtTime(): boolean {
    return this.#standsAtTime
  }

  /** Nothing comes after the last reply. */
  get ended(): boolean {
    return this.#ended
  }

  async first(command: ReadCommand): Promise<SeriesReply> {
    const cursor = await this.#ask(command)
    this.#standsAtTime = cursor['atClusterTime'] !== undefined
    return replyOf(cursor['firstBatch'])
  }

  /** @param awaitMs how long the server may wait for something to come, of a cursor that waits */
  async next(awaitMs?: number): Promise<SeriesReply> {
    const wait = awaitMs === undefined ? {} : { maxTimeMS: awaitMs }
    const cursor = await this.#ask({ getMore: this.#id, collection: this.#collection, ...wait })
    return replyOf(cursor['nextBatch'])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#id !== undefined && !this.#ended) {
      const kill = { killCursors: this.#collection, cursors: [this.#id] }
      // It ends by itself after a while, and there is nobody to tell.
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

/** The fields of an object; of anything else, none. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function replyOf(batch: unknown): SeriesReply {
  const all: readonly unknown[] = Array.isArray(batch) ? batch : []
  return {
    documents: all.filter((item) => item instanceof Uint8Array),
    parsed: all.filter((item) => typeof item === 'object' && item !== null),
  }
}
