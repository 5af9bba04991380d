import { Long, serverOf, type PinnedConnection, type ReadCommand, type ReadConnection } from '@freshet/guard'
import type { Clock } from '@freshet/kit'
import type { Position } from '@freshet/protocol'
import { ChangeStreamError } from '@freshet/change-stream'
import { timeOfTimestamp } from './cluster-time.ts'
import { changeStreamErrorOf } from './driver-errors.ts'
import { feedPipeline, type FeedSelection } from './feed-pipeline.ts'
import type { MongoSourceOptions } from './options.ts'
import type { FeedReply, Resume } from './batch-assembler.ts'

interface FeedCursorParts {
  readonly connection: ReadConnection
  readonly clock: Clock
  readonly options: MongoSourceOptions
}

/**
 * One change stream over the whole database, driven by raw commands: the driver's cursor cannot change the wait between
 * replies and hides empty ones. It has a connection of its own.
 */
export class FeedCursor implements AsyncDisposable {
  readonly #connection: PinnedConnection
  readonly #clock: Clock
  readonly #options: MongoSourceOptions
  readonly #selection: FeedSelection
  #id: { isZero(): boolean } | undefined
  #server: string | undefined
  /** Kept, since a connection serializes the same command once. */
  #next: (ReadCommand & { readonly maxTimeMS: number }) | undefined
  #asking = false

  private constructor(
    connection: PinnedConnection,
    { clock, options }: FeedCursorParts,
    selection: FeedSelection,
  ) {
    this.#connection = connection
    this.#clock = clock
    this.#options = options
    this.#selection = selection
  }

  /** @throws {ChangeStreamError} */
  static async connect(
    parts: FeedCursorParts,
    selection: FeedSelection,
    signal: AbortSignal,
  ): Promise<FeedCursor> {
    const options = { timeoutMs: parts.options.replyWithinMs, signal }
    const connection = await parts.connection.pin(options).catch((error: unknown) => {
      throw changeStreamErrorOf(error, 'connect to the server')
    })
    return new FeedCursor(connection, parts, selection)
  }

  /** The server process that holds the cursor; see `serverOf`. */
  get server(): string | undefined {
    return this.#server
  }

  /** @throws {ChangeStreamError} */
  async open(from: Position, resume: Resume | undefined, withinMs: number): Promise<FeedReply> {
    const command = {
      aggregate: 1,
      pipeline: feedPipeline(from, resume, this.#selection),
      cursor: { batchSize: this.#options.batchSize },
      readConcern: { level: 'majority' },
    }
    return await this.#ask(command, 'firstBatch', withinMs)
  }

  /**
   * Waits up to `maxWaitMs` on the server for changes, and `withinMs` longer for the reply. @throws {ChangeStreamError}
   */
  async next(maxWaitMs: number, withinMs: number): Promise<FeedReply> {
    if (this.#next?.maxTimeMS !== maxWaitMs)
      this.#next = {
        getMore: this.#id,
        collection: '$cmd.aggregate',
        maxTimeMS: maxWaitMs,
        batchSize: this.#options.batchSize,
      }
    return await this.#ask(this.#next, 'nextBatch', maxWaitMs + withinMs)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // An aborted command closes its connection, and the server then ends the cursor.
    if (this.#id?.isZero() === false && !this.#asking) await this.#kill()
    this.#connection.close()
  }

  async #ask(command: ReadCommand, batch: 'firstBatch' | 'nextBatch', timeoutMs: number): Promise<FeedReply> {
    const sentAt = this.#clock.now()
    this.#asking = true
    const reply = await this.#connection
      .run(command, { raw: 'batches', timeoutMs })
      .catch((error: unknown) => {
        throw changeStreamErrorOf(error, 'read the change stream')
      })
    this.#asking = false
    const { cursor } = reply
    const events: unknown = cursor?.[batch]
    if (!Array.isArray(events) || !Long.isLong(cursor.id))
      throw new ChangeStreamError('DISCONNECTED', `expected a cursor with ${batch} in a reply, got none`)
    this.#id = cursor.id
    this.#server = serverOf(reply)
    if (cursor.postBatchResumeToken === undefined)
      throw new ChangeStreamError('DISCONNECTED', 'expected postBatchResumeToken in a reply, got none')
    return {
      events,
      token: cursor.postBatchResumeToken,
      operationTime: timeOfTimestamp(reply['operationTime']),
      ended: cursor.id.isZero(),
      sentAt,
    }
  }

  async #kill(): Promise<void> {
    const command = { killCursors: '$cmd.aggregate', cursors: [this.#id] }
    try {
      await this.#connection.run(command, { timeoutMs: this.#options.replyWithinMs })
    } catch {
      // Best effort: the server ends idle cursors by itself.
    }
  }
}
