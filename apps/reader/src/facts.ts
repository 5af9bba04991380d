import type { Clock, MonotonicMs } from '@freshet/kit'
import { formatSourcePosition } from '@freshet/protocol'
import type { Answer, Replica, Via } from '@freshet/replica'
import type { Wanted } from './wanted.ts'

/** What an answer says about itself, beside the document. */
export interface Facts {
  /** `Freshet-Position` */
  readonly position: string
  /** `Age`: whole seconds. */
  readonly age: string
  /** `Cache-Status` (RFC 9211) */
  readonly cacheStatus: string
}

/** What the facts are taken from. */
export type Proofs = Pick<Replica<unknown>, 'at' | 'positionText' | 'provedAt' | 'aliveAt'>

const HIT = 'freshet; hit'
const UNPROVED = '; detail=unproved'
const UNPROVED_HIT = HIT + UNPROVED

/** The largest age that a header can say (RFC 9111, 1.2.2). */
const MAX_AGE_S = 2 ** 31 - 1

const misses: Record<Exclude<Via, 'hit'>, string> = {
  miss: 'freshet; fwd=miss',
  collapsed: 'freshet; fwd=miss; collapsed',
}

/** Tells where an answer stands and how well that is proved. */
export class FactSheet {
  readonly #proofs: Proofs
  readonly #clock: Clock
  readonly #aliveWithinMs: number

  /** Without a sign of life of the database's majority for `aliveWithinMs`, answers say `detail=unproved`. */
  constructor(proofs: Proofs, clock: Clock, aliveWithinMs: number) {
    this.#proofs = proofs
    this.#clock = clock
    this.#aliveWithinMs = aliveWithinMs
  }

  /** `undefined` as long as no source is known. */
  get position(): string | undefined {
    return this.#proofs.positionText
  }

  /** Whether the present state is one that is wanted, as far as that can be told without asking anybody. */
  suffices(wanted: Wanted | undefined): boolean {
    if (wanted === undefined) return true
    const { atLeast } = wanted
    const { at, positionText } = this.#proofs
    return atLeast !== 'now' && atLeast.at <= at && positionText?.startsWith(atLeast.source) === true
  }

  /** When the state was last proved the newest; what {@link ofAnswer} wants of the moment a request came. */
  get provedAt(): MonotonicMs {
    return this.#proofs.provedAt
  }

  /** Of a cached value; call it in the turn of the look-up. */
  ofHit(position: string): Facts {
    const now = this.#clock.now()
    return {
      position,
      age: ageText(now - this.#proofs.provedAt),
      cacheStatus: now - this.#proofs.aliveAt > this.#aliveWithinMs ? UNPROVED_HIT : HIT,
    }
  }

  /**
   * Of an answer that was waited for. One from before the present position is as old as what was proved when its
   * request came: its state is never older than that, and nothing more is known of it.
   */
  ofAnswer(answer: Answer<unknown>, provedAtArrival: MonotonicMs): Facts {
    const { at, provedAt, aliveAt } = this.#proofs
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
