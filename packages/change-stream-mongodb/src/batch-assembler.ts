import type { MonotonicMs } from '@freshet/kit'
import type { Change, Position } from '@freshet/protocol'
import type { Batch } from '@freshet/change-stream'
import { ChangeDecoder, mayChangeIdentity } from './change-decoder.ts'
import {
  type ClusterTime,
  compareTimes,
  positionAt,
  readToken,
  type ResumeToken,
  timeBefore,
  timeOf,
  type TokenTime,
} from './cluster-time.ts'
import { unsupported } from './driver-errors.ts'
import { EventReader, type WatchList } from './event.ts'
import { BufferedChanges } from './buffered-changes.ts'
import { FreshnessProof } from './freshness-proof.ts'

/** One reply of the feed's cursor, or a part of its events. */
export interface FeedReply {
  readonly events: readonly Buffer[]
  /** More events of the same reply follow, so the rest of it says nothing about these. */
  readonly more?: true
  readonly token: ResumeToken
  /**
   * The node's latest operation. `undefined` if unreported: with access control, a node reports no time for some
   * seconds after its start, until it has loaded its signing keys.
   */
  readonly operationTime: ClusterTime | undefined
  /** The server closed the cursor because the database was dropped. */
  readonly ended: boolean
  readonly sentAt: MonotonicMs
}

export interface BatchAssemblerParts {
  readonly from: Position
  readonly watchList: WatchList
  /** Whether an event outside a transaction is the only one at its cluster time. True for MongoDB 6.0. */
  readonly singlePositions: boolean
  readonly maxOpenBytes: number
  /** The identity was read after this time, so earlier changes of it are known. */
  readonly identityKnownThrough?: ClusterTime | undefined
  /** Batches have `seconds`. */
  readonly withSeconds?: boolean
}

/** How to reopen a feed. `startAfter` skips an end event; resuming there would end at once. */
export interface Resume {
  readonly how: 'resumeAfter' | 'startAfter'
  readonly token: ResumeToken
}

/** The result of one reply. */
export interface AssembledReply {
  readonly batch: Batch
  /** The identity may change at the next position and must be read again. The rest of the reply is discarded. */
  readonly identityTouched: boolean
}

/**
 * Assembles replies of a change stream into batches of complete positions. Pure, without I/O: it decides when a
 * position has ended, up to where nothing is missing, and where to resume.
 */
export class BatchAssembler {
  readonly #singlePositions: boolean
  readonly #identityKnownThrough: ClusterTime | undefined
  readonly #event: EventReader
  readonly #buffered: BufferedChanges
  readonly #decoder = new ChangeDecoder()
  readonly #proof = new FreshnessProof()
  /** Nothing at or before this is missing. */
  #through: ClusterTime
  /** The position whose changes are buffered because its end is not proved. */
  #open: ClusterTime | undefined
  #openInTransaction = false
  #openMayChangeIdentity = false
  #identityTouched = false
  /** Changes of this reply, and how many of them belong to completed positions. */
  #changes: Change[] = []
  #closed = 0
  /** The second of each of them, if requested. */
  #seconds: number[] | undefined
  #openingMark: ClusterTime | undefined
  /** The opening mark is not ahead of the node's latest operation, so the server has read up to it. */
  #openingMarkIsReal = false
  #resume: Resume | undefined
  #tokenChecked = false

  constructor(parts: BatchAssemblerParts) {
    this.#singlePositions = parts.singlePositions
    this.#identityKnownThrough = parts.identityKnownThrough
    this.#event = new EventReader(parts.watchList)
    this.#buffered = new BufferedChanges(parts.maxOpenBytes)
    this.#through = timeOf(parts.from)
    if (parts.withSeconds === true) this.#seconds = []
  }

  /** Whether changes are buffered. If so, the next reply should be requested soon. */
  get hasOpenPosition(): boolean {
    return this.#open !== undefined
  }

  /** Where to resume; `undefined` until a position is complete. */
  get resume(): Resume | undefined {
    return this.#resume
  }

  /** Handles the first reply of a cursor, whose mark may be one tick too high. */
  opened(reply: FeedReply): AssembledReply {
    this.#openingMark = timeOfToken(reply.token)
    const { operationTime } = reply
    this.#openingMarkIsReal =
      operationTime !== undefined && compareTimes(this.#openingMark, operationTime) <= 0
    return this.#take(reply, true)
  }

  /** Handles every later reply. @throws {ChangeStreamError} UNSUPPORTED: unknown format of times. */
  next(reply: FeedReply): AssembledReply {
    return this.#take(reply, false)
  }

  #take(reply: FeedReply, first: boolean): AssembledReply {
    this.#changes = this.#buffered.take()
    this.#closed = 0
    const carried = this.#changes.length
    // They all belong to the open position.
    this.#seconds &&= this.#changes.map(() => this.#open?.high ?? 0)
    let fresh = false
    for (const bytes of reply.events) {
      this.#event.read(bytes)
      if (compareTimes(this.#event, this.#through) <= 0) continue // redelivered
      fresh = true
      this.#gather()
      if (this.#identityTouched) return this.#result(this.#changes.slice(0, this.#closed))
    }
    if (reply.more) this.#closeSingle()
    else this.#end(reply, first, fresh)
    const open = this.#changes.splice(this.#closed)
    this.#buffered.keep(open, this.#closed === 0 ? carried : 0)
    return this.#result(this.#changes)
  }

  /** What the rest of a reply proves. @param fresh whether one of its last events is new. */
  #end(reply: FeedReply, first: boolean, fresh: boolean): void {
    this.#closeByToken(reply, first)
    const { sentAt, operationTime, events } = reply
    // While changes are buffered, more is known than has been delivered.
    const empty = events.length === 0 && !first && this.#open === undefined
    this.#proof.take({ sentAt, operationTime, empty, fresh }, this.#through)
  }

  /** Adds one event. A later cluster time proves that the open position has ended. */
  #gather(): void {
    const event = this.#event
    if (!this.#tokenChecked) this.#checkToken()
    if (this.#open !== undefined && compareTimes(event, this.#open) > 0) {
      this.#close()
      if (this.#identityTouched) return // later events may belong to another history
    }
    this.#open ??= { high: event.high, low: event.low }
    this.#openInTransaction = event.inTransaction
    if (mayChangeIdentity(event)) this.#openMayChangeIdentity ||= !this.#isKnown(event)
    else this.#decoder.add(event, this.#changes)
    while (this.#seconds && this.#seconds.length < this.#changes.length) this.#seconds.push(event.high)
  }

  #isKnown(time: ClusterTime): boolean {
    const known = this.#identityKnownThrough
    return known !== undefined && compareTimes(time, known) <= 0
  }

  #closeByToken(reply: FeedReply, first: boolean): void {
    const token = timeOfToken(reply.token)
    if (token.highWaterMark) this.#closeByMark(token, first)
    else if (reply.events.length === 0) {
      if (!first) this.#close() // end of the log: nothing more at this position
    } else this.#closeSingle()
    if (reply.ended) this.#close()
    if (this.#open !== undefined) return
    if (reply.ended) this.#resume = { how: 'startAfter', token: reply.token }
    else if (!first) this.#resume = { how: 'resumeAfter', token: reply.token }
  }

  /** Closes the position of the latest event if no other event can have it. */
  #closeSingle(): void {
    if (this.#singlePositions && !this.#openInTransaction) this.#close()
  }

  /**
   * The mark that the cursor was opened with may be one tick ahead of what was read. On an idle server it stays the
   * same for ten seconds, so later replies are compared with it.
   */
  #closeByMark(token: TokenTime, first: boolean): void {
    const later = this.#openingMark !== undefined && compareTimes(token, this.#openingMark) > 0
    const mark = later || (!first && this.#openingMarkIsReal) ? token : timeBefore(token)
    if (this.#open !== undefined && compareTimes(mark, this.#open) >= 0) this.#close()
    if (this.#open === undefined && compareTimes(mark, this.#through) > 0) this.#through = mark
  }

  /** Ends the open position. One that may change the identity stays open: it may belong to another history. */
  #close(): void {
    if (this.#open === undefined) return
    if (this.#openMayChangeIdentity) {
      this.#identityTouched = true
      return
    }
    this.#closed = this.#changes.length
    this.#through = this.#open
    this.#open = undefined
    this.#buffered.reset()
  }

  #result(changes: readonly Change[]): AssembledReply {
    const { provedAt, aliveAt } = this.#proof
    const through = positionAt(this.#through)
    const seconds = this.#seconds?.slice(0, changes.length)
    return {
      batch: { changes, ...(seconds && { seconds }), through, provedAt, aliveAt },
      identityTouched: this.#identityTouched,
    }
  }

  /** Positions are parsed from tokens, which MongoDB documents as opaque. Verified once per opening. */
  #checkToken(): void {
    const token = timeOfToken({ _data: this.#event.token })
    if (token.highWaterMark || compareTimes(token, this.#event) !== 0)
      throw unsupported('expected the time in a token of an event to equal its cluster time')
    this.#tokenChecked = true
  }
}

function timeOfToken(token: ResumeToken): TokenTime {
  const time = readToken(token)
  if (time === undefined) throw unsupported(`expected a resume token of the known format, got ${token._data}`)
  return time
}
