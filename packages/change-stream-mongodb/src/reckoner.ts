import type { MonotonicMs } from '@freshet/kit'
import type { Change, Position } from '@freshet/protocol'
import type { Batch } from '@freshet/change-stream'
import { ChangeMaker, touchesIdentity } from './change-maker.ts'
import { compareTimes, positionAt, timeBefore, timeOf, type ClusterTime } from './cluster-time.ts'
import { unsupported } from './driver-errors.ts'
import { EventReader } from './event.ts'
import { HeldChanges } from './held-changes.ts'
import { Proof } from './proof.ts'
import { readToken, type ResumeToken, type TokenTime } from './token.ts'
import type { WatchList } from './watched.ts'

/** One reply of the feed's cursor. */
export interface FeedReply {
  readonly events: readonly Buffer[]
  readonly token: ResumeToken
  /**
   * The newest operation that the node knew; `undefined`: it does not tell, as one with access control for some seconds
   * after its start, until it has read the keys that it signs times with.
   */
  readonly operationTime: ClusterTime | undefined
  /** The server closed the cursor: the database that it stood on is gone. */
  readonly ended: boolean
  readonly sentAt: MonotonicMs
}

export interface ReckonerParts {
  readonly from: Position
  readonly watchList: WatchList
  /** Whether an event outside of a transaction is the only one of its time: true for MongoDB 6.0. */
  readonly singlePositions: boolean
  readonly maxOpenBytes: number
}

/** How a feed is opened again where it stood; `startAfter` an end, since resuming there would end at once. */
export interface Resume {
  readonly how: 'resumeAfter' | 'startAfter'
  readonly token: ResumeToken
}

/** What a reply came to. */
export interface Reckoning {
  readonly batch: Batch
  /** Something touched what says which history this is: it must be asked for again. The rest of the reply is left. */
  readonly identityTouched: boolean
}

/**
 * Turns replies of a change stream into batches of whole positions. No waiting and no server: what is decided here is
 * when a position has ended, how far nothing is missing, and from where the feed goes on.
 */
export class Reckoner {
  readonly #singlePositions: boolean
  readonly #event: EventReader
  readonly #held: HeldChanges
  readonly #maker = new ChangeMaker()
  readonly #proof = new Proof()
  /** Nothing at or before it is missing. */
  #through: ClusterTime
  /** The position whose changes are held back, because its end is not proved. */
  #open: ClusterTime | undefined
  #openInTransaction = false
  #openTouchesIdentity = false
  #identityTouched = false
  /** Changes of this reply, and how many of them belong to positions that have ended. */
  #changes: Change[] = []
  #closed = 0
  #openingMark: ClusterTime | undefined
  /** It is not ahead of what there was: the server read so far, and did not only promise to begin there. */
  #openingMarkIsReal = false
  #resume: Resume | undefined
  #tokenChecked = false

  constructor(parts: ReckonerParts) {
    this.#singlePositions = parts.singlePositions
    this.#event = new EventReader(parts.watchList)
    this.#held = new HeldChanges(parts.maxOpenBytes)
    this.#through = timeOf(parts.from)
  }

  /** Whether changes are held back: then the next reply is wanted soon. */
  get holds(): boolean {
    return this.#open !== undefined
  }

  /** Where to go on; `undefined`: nothing was closed yet, go on from the position. */
  get resume(): Resume | undefined {
    return this.#resume
  }

  /** The first reply of a cursor. Its mark is one tick ahead of what may be claimed. */
  opened(reply: FeedReply): Reckoning {
    this.#openingMark = timeOfToken(reply.token)
    const { operationTime } = reply
    this.#openingMarkIsReal =
      operationTime !== undefined && compareTimes(this.#openingMark, operationTime) <= 0
    return this.#take(reply, true)
  }

  /** Every later reply. @throws {ChangeStreamError} UNSUPPORTED: the server tells time in another way. */
  next(reply: FeedReply): Reckoning {
    return this.#take(reply, false)
  }

  #take(reply: FeedReply, first: boolean): Reckoning {
    this.#changes = this.#held.take()
    this.#closed = 0
    const carried = this.#changes.length
    let fresh = false
    for (const bytes of reply.events) {
      this.#event.read(bytes)
      if (compareTimes(this.#event, this.#through) <= 0) continue // delivered again
      fresh = true
      this.#gather()
      if (this.#identityTouched) return this.#reckoning(this.#changes.slice(0, this.#closed))
    }
    this.#closeByToken(reply, first)
    const { sentAt, operationTime, events } = reply
    // While something is held back, more than what is shown is known.
    const empty = events.length === 0 && !first && this.#open === undefined
    this.#proof.take({ sentAt, operationTime, empty, fresh }, this.#through)
    const held = this.#changes.splice(this.#closed)
    this.#held.keep(held, this.#closed === 0 ? carried : 0)
    return this.#reckoning(this.#changes)
  }

  /** Adds one event; one of a later time proves that the open position has ended. */
  #gather(): void {
    const event = this.#event
    if (!this.#tokenChecked) this.#checkToken()
    if (this.#open !== undefined && compareTimes(event, this.#open) > 0) {
      this.#close()
      if (this.#identityTouched) return // what comes now may belong to another history
    }
    this.#open ??= { high: event.high, low: event.low }
    this.#openInTransaction = event.inTransaction
    if (touchesIdentity(event)) this.#openTouchesIdentity = true
    else this.#maker.add(event, this.#changes)
  }

  #closeByToken(reply: FeedReply, first: boolean): void {
    const token = timeOfToken(reply.token)
    if (token.highWaterMark) this.#closeByMark(token, first)
    else if (reply.events.length === 0) {
      if (!first) this.#close() // the end of the log, with nothing more of this position
    } else if (this.#singlePositions && !this.#openInTransaction) this.#close()
    if (reply.ended) {
      this.#close()
      this.#resume = { how: 'startAfter', token: reply.token }
    } else if (this.#open === undefined && !first) this.#resume = { how: 'resumeAfter', token: reply.token }
  }

  /**
   * A mark that the cursor was opened with may be one tick ahead of what was read. On an idle server it stays the same for
   * ten seconds, so a later reply is asked whether it was.
   */
  #closeByMark(token: TokenTime, first: boolean): void {
    const later = this.#openingMark !== undefined && compareTimes(token, this.#openingMark) > 0
    const mark = later || (!first && this.#openingMarkIsReal) ? token : timeBefore(token)
    if (this.#open !== undefined && compareTimes(mark, this.#open) >= 0) this.#close()
    if (this.#open === undefined && compareTimes(mark, this.#through) > 0) this.#through = mark
  }

  #close(): void {
    if (this.#open === undefined) return
    this.#closed = this.#changes.length
    this.#through = this.#open
    this.#open = undefined
    this.#identityTouched ||= this.#openTouchesIdentity
    this.#held.reset()
  }

  #reckoning(changes: readonly Change[]): Reckoning {
    const { provedAt, aliveAt } = this.#proof
    return {
      batch: { changes, through: positionAt(this.#through), provedAt, aliveAt },
      identityTouched: this.#identityTouched,
    }
  }

  /** Positions are read from tokens, which are opaque by the manual: once for each opening they must be what they say. */
  #checkToken(): void {
    const token = timeOfToken({ _data: this.#event.token })
    if (token.highWaterMark || compareTimes(token, this.#event) !== 0)
      throw unsupported('expected the time in the token of an event to be its cluster time')
    this.#tokenChecked = true
  }
}

function timeOfToken(token: ResumeToken): TokenTime {
  const time = readToken(token)
  if (time === undefined) throw unsupported(`expected a resume token of the known shape, got ${token._data}`)
  return time
}
