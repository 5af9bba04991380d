import { serverOf, type ReadConnection, type ReadSession } from '@freshet/guard'
import type { Clock } from '@freshet/kit'
import type { Position } from '@freshet/protocol'
import { ChangeStreamError } from '@freshet/change-stream'
import { timeOfTimestamp } from './cluster-time.ts'
import { changeStreamErrorOf } from './driver-errors.ts'
import { feedPipeline } from './feed-pipeline.ts'
import type { MongoSourceOptions } from './options.ts'
import type { FeedReply, Resume } from './reckoner.ts'

interface FeedCursorParts {
  readonly connection: ReadConnection
  readonly clock: Clock
  readonly options: MongoSourceOptions
}

/**
 * One change stream over the whole database, driven command by command: the driver's own cannot wait differently from
 * reply to reply, and does not show an empty one. One session for all commands of the cursor.
 */
export class FeedCursor implements AsyncDisposable {
  readonly #connection: ReadConnection
  readonly #clock: Clock
  readonly #options: MongoSourceOptions
  readonly #collections: readonly string[]
  readonly #signal: AbortSignal
  readonly #session: ReadSession
  #id: { isZero(): boolean } | undefined
  #server: string | undefined
  #asking = false

  /** @param collections whose contents are wanted; of all others only that they changed. */
  constructor(
    { connection, clock, options }: FeedCursorParts,
    collections: readonly string[],
    signal: AbortSignal,
  ) {
    this.#connection = connection
    this.#clock = clock
    this.#options = options
    this.#collections = collections
    this.#signal = signal
    this.#session = connection.openSession()
  }

  /** The process that it is open on; see `serverOf`. */
  get server(): string | undefined {
    return this.#server
  }

  /** @throws {ChangeStreamError} */
  async open(from: Position, resume: Resume | undefined, withinMs: number): Promise<FeedReply> {
    const command = {
      aggregate: 1,
      pipeline: feedPipeline(from, resume, this.#collections),
      cursor: { batchSize: this.#options.batchSize },
      readConcern: { level: 'majority' },
    }
    return await this.#ask(command, 'firstBatch', withinMs)
  }

  /** Waits on the server for changes, and for its reply so much longer. @throws {ChangeStreamError} */
  async next(maxWaitMs: number, withinMs: number): Promise<FeedReply> {
    const command = {
      getMore: this.#id,
      collection: '$cmd.aggregate',
      maxTimeMS: maxWaitMs,
      batchSize: this.#options.batchSize,
    }
    return await this.#ask(command, 'nextBatch', maxWaitMs + withinMs)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A command that was given up took its connection with it, and the server ends the cursor then.
    if (this.#id?.isZero() === false && !this.#asking) await this.#kill()
    await this.#connection.endSession(this.#session)
  }

  async #ask(
    command: Parameters<ReadConnection['run']>[0],
    batch: 'firstBatch' | 'nextBatch',
    timeoutMs: number,
  ): Promise<FeedReply> {
    const sentAt = this.#clock.now()
    this.#asking = true
    const options = { session: this.#session, raw: 'batches', timeoutMs, signal: this.#signal } as const
    const reply = await this.#connection.run(command, options).catch((error: unknown) => {
      throw changeStreamErrorOf(error, 'follow the changes')
    })
    this.#asking = false
    const { cursor } = reply
    this.#id = cursor.id
    this.#server = serverOf(reply)
    if (cursor.postBatchResumeToken === undefined)
      throw new ChangeStreamError('DISCONNECTED', 'expected postBatchResumeToken in a reply, found none')
    return {
      events: cursor[batch],
      token: cursor.postBatchResumeToken,
      operationTime: timeOfTimestamp(reply['operationTime']),
      ended: cursor.id.isZero(),
      sentAt,
    }
  }

  async #kill(): Promise<void> {
    const command = { killCursors: '$cmd.aggregate', cursors: [this.#id] }
    try {
      await this.#connection.run(command, { session: this.#session, timeoutMs: this.#options.replyWithinMs })
    } catch {
      // The server ends a cursor that nobody asks by itself; there is nothing else to be done about it.
    }
  }
}
