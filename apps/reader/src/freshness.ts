import type { Clock, MonotonicMs } from '@freshet/kit'
import {
  formatSourcePosition,
  headers as names,
  parseSourcePosition,
  ProblemError,
  readPrefer,
  type SourcePosition,
} from '@freshet/protocol'
import type { Answer, Replica, Via } from '@freshet/replica'
import type { IncomingHttpHeaders } from 'node:http'

/** The headers that state how fresh an answer is. */
export interface FreshnessHeaders {
  /** `Freshet-Position` */
  readonly position: string
  /** `Age`: whole seconds. */
  readonly age: string
  /** `Cache-Status` (RFC 9211) */
  readonly cacheStatus: string
}

/** The replica state that the headers are derived from. */
export type FreshnessSource = Pick<Replica<unknown>, 'at' | 'positionText' | 'provedAt' | 'aliveAt'>

const HIT = 'freshet; hit'
const UNPROVED = '; detail=unproved'
const UNPROVED_HIT = HIT + UNPROVED

/** The largest `Age` (RFC 9111, 1.2.2). */
const MAX_AGE_S = 2 ** 31 - 1

const misses: Record<Exclude<Via, 'hit'>, string> = {
  miss: 'freshet; fwd=miss',
  collapsed: 'freshet; fwd=miss; collapsed',
}

/** Computes the freshness headers of answers. */
export class Freshness {
  readonly #source: FreshnessSource
  readonly #clock: Clock
  readonly #aliveWithinMs: number

  /** Without a heartbeat from a majority for `aliveWithinMs`, answers have `detail=unproved`. */
  constructor(source: FreshnessSource, clock: Clock, aliveWithinMs: number) {
    this.#source = source
    this.#clock = clock
    this.#aliveWithinMs = aliveWithinMs
  }

  /** The current position; `undefined` until the source is known. */
  get position(): string | undefined {
    return this.#source.positionText
  }

  /** Whether the current state satisfies the request without asking the database. */
  satisfies(required: MinFreshness | undefined): boolean {
    if (required === undefined) return true
    const { atLeast } = required
    const { at, positionText } = this.#source
    return atLeast !== 'now' && atLeast.at <= at && positionText?.startsWith(atLeast.source) === true
  }

  /** When the state was last proved current; {@link forAnswer} needs the value from the arrival of the request. */
  get provedAt(): MonotonicMs {
    return this.#source.provedAt
  }

  /** Headers of a cache hit; call it in the same turn as the lookup. */
  forHit(position: string): FreshnessHeaders {
    const now = this.#clock.now()
    return {
      position,
      age: ageText(now - this.#source.provedAt),
      cacheStatus: now - this.#source.aliveAt > this.#aliveWithinMs ? UNPROVED_HIT : HIT,
    }
  }

  /**
   * Headers of an answer that was waited for. If it is at an earlier position, its age is measured from the last proof
   * before the request arrived: the state is never older than that.
   */
  forAnswer(answer: Answer<unknown>, provedAtArrival: MonotonicMs): FreshnessHeaders {
    const { at, provedAt, aliveAt } = this.#source
    const now = this.#clock.now()
    const via = answer.via === 'hit' ? HIT : misses[answer.via]
    const stored = answer.via !== 'hit' && answer.stored ? '; stored' : ''
    return {
      position: formatSourcePosition(answer.source, answer.at),
      age: ageText(now - (answer.at === at ? provedAt : provedAtArrival)),
      cacheStatus: via + stored + (now - aliveAt > this.#aliveWithinMs ? UNPROVED : ''),
    }
  }
}

function ageText(ageMs: number): string {
  return ageMs < 1_000 ? '0' : String(Math.min(Math.floor(ageMs / 1_000), MAX_AGE_S))
}

/** The default wait for a position, in seconds. */
const DEFAULT_WAIT_S = 1

/** The earliest state that a client accepts, and how long it waits for it. */
export interface MinFreshness {
  readonly atLeast: SourcePosition | 'now'
  readonly waitMs: number
}

/** Parses the required freshness; `undefined`: any state will do. @throws {ProblemError} bad-position */
export function readMinFreshness(headers: IncomingHttpHeaders): MinFreshness | undefined {
  const text = headers[names.atLeast]
  if (text === undefined) return undefined
  const atLeast = text === 'now' ? text : typeof text === 'string' ? parseSourcePosition(text) : undefined
  if (atLeast === undefined)
    throw new ProblemError('bad-position', { detail: 'Expected <8 hex digits>.<16 hex digits> or "now".' })
  const { waitS = DEFAULT_WAIT_S } = readPrefer(firstOf(headers[names.prefer]))
  return { atLeast, waitMs: waitS * 1_000 }
}

/** node:http joins repeated headers with a comma; the type does not know that for this header. */
function firstOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header
}
