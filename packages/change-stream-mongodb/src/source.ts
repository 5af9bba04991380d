import { GuardError, type ReadConnection } from '@freshet/guard'
import type { Clock } from '@freshet/kit'
import { before, placeOf, type CollectionPlace, type Position } from '@freshet/protocol'
import { type Batch, type ChangeSource, ChangeStreamError, type Origin } from '@freshet/change-stream'
import { positionAt, timeOf, wallTimeMsOf } from './cluster-time.ts'
import { changeStreamErrorOf } from './driver-errors.ts'
import { FeedCursor } from './feed-cursor.ts'
import type { FeedSelection } from './feed-pipeline.ts'
import { FollowedServer } from './reads.ts'
import { identify, requirePosition, type SourceIdentity, type IdentityRule } from './identity.ts'
import type { MongoSourceOptions } from './options.ts'
import { BatchAssembler, type FeedReply, type Resume } from './batch-assembler.ts'
import { partsOf } from './reply-parts.ts'
import { inspectServer } from './server.ts'
import { WatchList } from './event.ts'

export interface MongoSourceParts {
  readonly connection: ReadConnection
  /** Other connections of the same user, also checked whenever the feed is opened, but not awaited. */
  readonly alsoCheck?: Pick<ReadConnection, 'prove'>
  /** The collections whose changes are emitted, by public name, with their id types. */
  readonly collections: ReadonlyMap<string, CollectionPlace>
  readonly identity: IdentityRule
  readonly clock: Clock
  readonly options: MongoSourceOptions
  /** For a consumer that passes changes on and does not keep documents. */
  readonly events?: EventOptions
}

/** Batches then have `seconds`, and nothing is sent of documents in collections that are not followed. */
export interface EventOptions {
  /** Collections of which only inserts are emitted, by public name. */
  readonly insertsOnly: readonly string[]
  /** A start goes back this far, to the start of a second, as far as the server has the history. */
  readonly startSecondsBack: number
}

/** Wait while a position is open, to prove its end soon. In milliseconds; 0 would mean no limit. */
const openPositionWaitMs = 1

/** The change stream of one database as a source. One stream, whatever the number of collections. */
export class MongoSource implements ChangeSource {
  readonly #parts: MongoSourceParts
  /** Shared with the reads, whose replies must come from the same server. */
  readonly followed = new FollowedServer()
  readonly #watchList: WatchList
  readonly #selection: FeedSelection
  readonly #deadline: ReplyDeadline
  /** The latest change is too large to be delivered. */
  #tooLarge = false
  /** How to resume at the last position yielded. */
  #lastYielded: (Origin & { readonly resume: Resume | undefined }) | undefined

  constructor(parts: MongoSourceParts) {
    this.#parts = parts
    this.#watchList = new WatchList(parts.collections)
    this.#selection = {
      collections: this.#watchList.names,
      insertsOnly: parts.events?.insertsOnly.map((name) => storedName(name, parts.collections)),
    }
    this.#deadline = new ReplyDeadline(parts.options.replyWithinMs, parts.options.longestReplyMs)
  }

  wallTimeMs(position: Position): number {
    return wallTimeMsOf(position)
  }

  async start(signal: AbortSignal): Promise<Origin> {
    await this.#prove()
    await inspectServer(this.#parts.connection, this.#parts.options.replyWithinMs, signal)
    const identity = await this.#identify(signal)
    const { source, server } = identity
    const at = requirePosition(identity)
    const tooLarge = this.#tooLarge
    this.#tooLarge = false
    this.#lastYielded = undefined
    this.followed.proved(server)
    // One tick earlier, so that the latest operation itself is seen: others with the same time may still follow. If
    // that operation is too large to deliver, start at its time instead; snapshots there include all of it.
    if (tooLarge) return { source, at }
    return { source, at: await this.#earlier(before(at), signal) }
  }

  /** The end of an earlier second from which the feed can be read; the position itself if there is none. */
  async #earlier(at: Position, signal: AbortSignal): Promise<Position> {
    const { high } = timeOf(at)
    for (let back = this.#parts.events?.startSecondsBack ?? 0; back >= 1; back = Math.floor(back / 2)) {
      const earlier = before(positionAt({ high: high - back, low: 0 }))
      if (await this.#hasHistoryAfter(earlier, signal)) return earlier
    }
    return at
  }

  /** Whether the server has every change after `at`, and none of them drops the database, which ends every change stream. */
  async #hasHistoryAfter(at: Position, signal: AbortSignal): Promise<boolean> {
    const { batchSize, maxAwaitMs } = this.#parts.options
    await using cursor = await FeedCursor.connect(this.#parts, { collections: [], insertsOnly: [] }, signal)
    try {
      let reply = await this.#deadline.wait((withinMs) => cursor.open(at, undefined, withinMs))
      // A reply that is not full has reached the latest change.
      while (!reply.ended && reply.events.length >= batchSize)
        reply = await this.#deadline.wait((withinMs) => cursor.next(maxAwaitMs, withinMs))
      return !reply.ended
    } catch (error) {
      if (error instanceof ChangeStreamError && error.lost) return false
      throw error
    }
  }

  async *read(origin: Origin, signal: AbortSignal): AsyncGenerator<Batch, void> {
    const { connection, options, clock } = this.#parts
    await this.#prove()
    const server = await inspectServer(connection, options.replyWithinMs, signal)
    await using cursor = await FeedCursor.connect(this.#parts, this.#selection, signal)
    const resume = this.#resumeAt(origin)
    let reply = await this.#ask((withinMs) => cursor.open(origin.at, resume, withinMs))
    await this.#checkSource(origin, cursor.server, signal)
    const assembler = new BatchAssembler({
      from: origin.at,
      watchList: this.#watchList,
      singlePositions: server.singlePositions,
      maxOpenBytes: options.maxOpenBytes,
      identityKnownThrough: reply.operationTime,
      withSeconds: this.#parts.events !== undefined,
    })
    for (let first = true; ; first = false) {
      for (const part of partsOf(reply)) {
        const { batch, identityTouched } = first ? assembler.opened(part) : assembler.next(part)
        const resume = this.#resumeOf(origin, assembler)
        this.#lastYielded = { source: origin.source, at: batch.through, resume }
        yield batch
        if (signal.aborted) return
        if (identityTouched)
          throw new ChangeStreamError('ENDED', 'the control document of the source changed')
        if (part.more) await nextTurn()
      }
      this.#checkEnd(reply)
      if (isPartlyFull(reply, options)) await clock.sleep(options.batchEveryMs, signal)
      const waitMs = assembler.hasOpenPosition ? openPositionWaitMs : options.maxAwaitMs
      reply = await this.#ask((withinMs) => cursor.next(waitMs, withinMs))
    }
  }

  async #ask(ask: (withinMs: number) => Promise<FeedReply>): Promise<FeedReply> {
    try {
      return await this.#deadline.wait(ask)
    } catch (error) {
      this.#tooLarge ||= error instanceof ChangeStreamError && error.code === 'EVENT_TOO_LARGE'
      throw error
    }
  }

  /** Until this read completes a position, it resumes where the previous one did. */
  #resumeOf(origin: Origin, assembler: BatchAssembler): Resume | undefined {
    return assembler.resume ?? this.#resumeAt(origin)
  }

  #resumeAt({ source, at }: Origin): Resume | undefined {
    const last = this.#lastYielded
    return last?.source === source && last.at === at ? last.resume : undefined
  }

  #checkEnd(reply: FeedReply): void {
    if (reply.ended) throw new ChangeStreamError('ENDED', 'the server closed the change stream')
    const at = this.#lastYielded?.at
    if (reply.operationTime === undefined || at === undefined) return
    const behindSeconds = reply.operationTime.high - timeOf(at).high
    // An empty reply proves that nothing is newer, even if the position is old because the server is idle.
    if (reply.events.length > 0 && behindSeconds > this.#parts.options.maxBehindSeconds)
      throw new ChangeStreamError('TOO_FAR_BEHIND', `${behindSeconds} s behind the latest change`)
  }

  /** A cursor does not outlive its server process, so the identity is read from that process after opening. */
  async #checkSource(origin: Origin, openedOn: string | undefined, signal: AbortSignal): Promise<void> {
    const { source, server } = await this.#identify(signal)
    if (server !== openedOn)
      throw new ChangeStreamError(
        'DISCONNECTED',
        `expected a reply from ${String(openedOn)}, which holds the feed, got one from ${String(server)}`,
      )
    if (source !== origin.source)
      throw new ChangeStreamError('SOURCE_CHANGED', `expected source ${origin.source}, got ${source}`)
    this.followed.proved(server)
  }

  /**
   * Checked at each opening: the server may have been replaced by one without access control, or the user's rights
   * changed.
   */
  async #prove(): Promise<void> {
    const { connection, alsoCheck } = this.#parts
    // A failed connection reports the reason itself and rejects further commands.
    alsoCheck?.prove().catch(() => undefined)
    await connection.prove().catch((error: unknown) => {
      throw changeStreamErrorOf(error, 'verify that this user can only read')
    })
  }

  #identify(signal: AbortSignal): Promise<SourceIdentity> {
    const { connection, identity, options } = this.#parts
    return identify(connection, identity, options.replyWithinMs, signal)
  }
}

/** A full reply may be one of many, and an empty one has already waited. */
function isPartlyFull({ events }: FeedReply, { batchEveryMs, batchSize }: MongoSourceOptions): boolean {
  return batchEveryMs > 0 && events.length > 0 && events.length < batchSize
}

/** Resolves after everything that waits for the event loop now. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function storedName(name: string, collections: ReadonlyMap<string, CollectionPlace>): string {
  const place = collections.get(name)
  if (place === undefined) throw new TypeError(`expected a followed collection, got '${name}'`)
  return placeOf(name, place).stored
}

/**
 * The deadline for a reply of the feed. The server replies when it finds a change of the database or reaches the end of
 * its log, and reads through all unrelated changes on the way. After a long break this can exceed the timeout for a
 * broken connection, so each late reply doubles the next wait.
 */
class ReplyDeadline {
  readonly #firstMs: number
  readonly #longestMs: number
  #waitMs: number

  constructor(firstMs: number, longestMs: number) {
    this.#firstMs = firstMs
    this.#longestMs = longestMs
    this.#waitMs = firstMs
  }

  /** Runs one command of the feed. @throws {ChangeStreamError} TOO_FAR_BEHIND: the longest wait was not enough. */
  async wait<T>(ask: (waitMs: number) => Promise<T>): Promise<T> {
    try {
      const reply = await ask(this.#waitMs)
      this.#waitMs = this.#firstMs
      return reply
    } catch (error) {
      if (!isLate(error)) throw error
      const waitedMs = this.#waitMs
      this.#waitMs = Math.min(waitedMs * 2, this.#longestMs)
      if (waitedMs < this.#longestMs) throw error
      throw new ChangeStreamError('TOO_FAR_BEHIND', `the server did not reply within ${waitedMs} ms`, {
        cause: error,
      })
    }
  }
}

function isLate(error: unknown): boolean {
  return (
    error instanceof ChangeStreamError &&
    error.cause instanceof GuardError &&
    error.cause.code === 'REPLY_TIMEOUT'
  )
}
