import type { ReadConnection } from '@freshet/guard'
import type { Clock } from '@freshet/kit'
import { before, type CollectionPlace, type Position } from '@freshet/protocol'
import { type Batch, type ChangeSource, ChangeStreamError, type Origin } from '@freshet/change-stream'
import { timeOf, wallTimeMsOf } from './cluster-time.ts'
import { changeStreamErrorOf } from './driver-errors.ts'
import { FeedCursor } from './feed-cursor.ts'
import { FollowedServer } from './followed-server.ts'
import { identify, told, type Identified, type IdentityRule } from './identity.ts'
import type { MongoSourceOptions } from './options.ts'
import { Reckoner, type FeedReply, type Reckoning, type Resume } from './reckoner.ts'
import { ReplyDeadline } from './reply-deadline.ts'
import { inspectServer } from './server.ts'
import { WatchList } from './watched.ts'

export interface MongoSourceParts {
  readonly connection: ReadConnection
  /** What else reads as the same user: looked at too whenever the feed is opened, and not waited for. */
  readonly beside?: ReadConnection
  /** The collections whose changes are told, by the names under which they are, with the type of their ids. */
  readonly collections: ReadonlyMap<string, CollectionPlace>
  readonly identity: IdentityRule
  readonly clock: Clock
  readonly options: MongoSourceOptions
}

/** While a position is held back, the proof of its end is wanted soon. In milliseconds; 0 would mean no limit. */
const probeMs = 1

/** The change stream of one database as a source. One stream, whatever the number of collections. */
export class MongoSource implements ChangeSource {
  readonly #parts: MongoSourceParts
  /** Whose replies are of the history that is followed. */
  readonly followed = new FollowedServer()
  readonly #watchList: WatchList
  readonly #deadline: ReplyDeadline
  /** The newest change is too large to be told. */
  #tooLarge = false
  /** How to go on at the position that was yielded last. */
  #stood: (Origin & { readonly resume: Resume | undefined }) | undefined

  constructor(parts: MongoSourceParts) {
    this.#parts = parts
    this.#watchList = new WatchList(parts.collections)
    this.#deadline = new ReplyDeadline(parts.options.replyWithinMs, parts.options.longestReplyMs)
  }

  wallTimeMs(position: Position): number {
    return wallTimeMsOf(position)
  }

  async start(signal: AbortSignal): Promise<Origin> {
    await this.#prove()
    await inspectServer(this.#parts.connection, this.#parts.options.replyWithinMs, signal)
    const identified = await this.#identify(signal)
    const { source, server } = identified
    const at = told(identified)
    const tooLarge = this.#tooLarge
    this.#tooLarge = false
    this.#stood = undefined
    this.followed.proved(server)
    // One tick earlier: the newest operation itself must be seen, since its neighbours may not be there yet. Where that
    // one cannot be told it would end the feed for ever; snapshots at its time have all of it.
    return { source, at: tooLarge ? at : before(at) }
  }

  async *read(origin: Origin, signal: AbortSignal): AsyncGenerator<Batch, void> {
    const { connection, options } = this.#parts
    await this.#prove()
    const server = await inspectServer(connection, options.replyWithinMs, signal)
    const reckoner = new Reckoner({
      from: origin.at,
      watchList: this.#watchList,
      singlePositions: server.singlePositions,
      maxOpenBytes: options.maxOpenBytes,
    })
    await using cursor = new FeedCursor(this.#parts, this.#watchList.names, signal)
    const resume = this.#resumeAt(origin)
    let reply = await this.#ask((withinMs) => cursor.open(origin.at, resume, withinMs))
    await this.#checkSource(origin, cursor.server, signal)
    for (let reckoning = reckoner.opened(reply); ; reckoning = reckoner.next(reply)) {
      this.#stood = {
        source: origin.source,
        at: reckoning.batch.through,
        resume: this.#resumeOf(origin, reckoner),
      }
      yield reckoning.batch
      if (signal.aborted) return
      this.#checkEnd(reckoning, reply)
      const waitMs = reckoner.holds ? probeMs : options.maxAwaitMs
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

  /** A read that closed nothing yet goes on from where the one before it stood. */
  #resumeOf(origin: Origin, reckoner: Reckoner): Resume | undefined {
    return reckoner.resume ?? this.#resumeAt(origin)
  }

  #resumeAt({ source, at }: Origin): Resume | undefined {
    const stood = this.#stood
    return stood?.source === source && stood.at === at ? stood.resume : undefined
  }

  #checkEnd({ batch, identityTouched }: Reckoning, reply: FeedReply): void {
    if (identityTouched) throw new ChangeStreamError('ENDED', 'the identity of the source was touched')
    if (reply.ended) throw new ChangeStreamError('ENDED', 'the server closed the change stream')
    if (reply.operationTime === undefined) return
    const behindSeconds = reply.operationTime.high - timeOf(batch.through).high
    // An empty reply proves that there was nothing newer: on an idle server the position itself may be old.
    if (reply.events.length > 0 && behindSeconds > this.#parts.options.maxBehindSeconds)
      throw new ChangeStreamError('TOO_FAR_BEHIND', `${behindSeconds} s behind the newest change`)
  }

  /** A cursor does not outlive the process that it was opened on, so that one is asked, once it is open. */
  async #checkSource(origin: Origin, openedOn: string | undefined, signal: AbortSignal): Promise<void> {
    const { source, server } = await this.#identify(signal)
    if (server !== openedOn)
      throw new ChangeStreamError(
        'DISCONNECTED',
        `expected an answer of ${String(openedOn)}, where the feed is open, got one of ${String(server)}`,
      )
    if (source !== origin.source)
      throw new ChangeStreamError('SOURCE_CHANGED', `expected the history ${origin.source}, got ${source}`)
    this.followed.proved(server)
  }

  /** Much may have happened between two openings: another server, without access control, or a user who may do more. */
  async #prove(): Promise<void> {
    const { connection, beside } = this.#parts
    // What it finds it says by itself, and sends nothing then.
    beside?.prove().catch(() => undefined)
    await connection.prove().catch((error: unknown) => {
      throw changeStreamErrorOf(error, 'see that this user may only read')
    })
  }

  #identify(signal: AbortSignal): Promise<Identified> {
    const { connection, identity, options } = this.#parts
    return identify(connection, identity, options.replyWithinMs, signal)
  }
}
