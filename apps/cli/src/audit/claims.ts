import type { Clock, MonotonicMs } from '@freshet/kit'
import { parsePosition, type Position, type SourceId } from '@freshet/protocol'
import type { Answer, Question, TruthSource, Verdict } from './contract.ts'
import type { PositionSample, PositionPoller } from './position-poller.ts'

/** `Age` is truncated to whole seconds. */
const ageStepMs = 1_000
/** Allows for clock drift and late timers. */
const slackMs = 250
/** Extra age for `detail=unproved`: no heartbeat from a majority. An isolated primary steps down much earlier. */
const unprovedGraceMs = 20_000
/** A new primary may need a moment to learn the majority commit point. */
const reachWithinMs = 10_000
const pollAgainMs = 100

/** RFC 9211. Proxies may add entries before or after ours. */
const cacheStatusForm =
  /(?:^|, *)freshet; (?:hit|fwd=miss(?:; collapsed)?)(?:; stored)?(?:; detail=unproved)?(?:,|$)/

/** What an answer claims about itself. */
export interface Claim {
  readonly source: SourceId
  readonly position: Position
  readonly ageS: number
  readonly unproved: boolean
}

/** The claims of an answer, or which one is missing or invalid. */
export function claimOf(answer: Answer): Claim | { readonly missing: string } {
  const { source, position, ageS, cacheStatus = '' } = answer
  if (source === undefined || position === undefined) return { missing: 'a fact without a position' }
  if (ageS === undefined) return { missing: 'a fact without an Age' }
  if (!cacheStatusForm.test(cacheStatus)) return { missing: `Cache-Status ${JSON.stringify(cacheStatus)}` }
  return { source, position, ageS, unproved: cacheStatus.includes('; detail=unproved') }
}

export interface ClaimsParts {
  readonly truth: TruthSource
  readonly poller: PositionPoller
  readonly clock: Clock
}

/** Checks the claims of an answer (position, source and age) against the database. */
export class Claims {
  readonly #parts: ClaimsParts

  constructor(parts: ClaimsParts) {
    this.#parts = parts
  }

  /** @returns a verdict if a claim is wrong or cannot be checked, or `undefined` if all claims are plausible. */
  async judge(question: Question, claim: Claim, sentAt: MonotonicMs): Promise<Verdict | undefined> {
    const { atLeast } = question
    if (atLeast !== undefined && atLeast.source === claim.source && claim.position < atLeast.at)
      return wrong(`answered at ${claim.position}, but ${atLeast.at} or later was requested`)
    const position = await this.#checkPosition(claim, sentAt)
    if (position !== undefined) return position
    const source = await this.#checkSource(claim)
    if (source?.kind === 'wrong') return source
    return (await this.#checkAge(claim, sentAt)) ?? source
  }

  /** The database must have reached the position by now. */
  async #checkPosition({ position }: Claim, sentAt: MonotonicMs): Promise<Verdict | undefined> {
    const { poller, clock } = this.#parts
    if (reached(poller.latest, position)) return undefined
    const before = poller.knownBy(sentAt)
    const until = clock.now() + reachWithinMs
    for (;;) {
      const sample = await poller.poll().catch(() => undefined)
      if (reached(sample, position)) return undefined
      const late = clock.now() >= until
      // The majority commit point of one process never decreases, so it was not reached when the reader answered.
      if (sample !== undefined && (late || isSameServer(before, sample)))
        return wrong(`names ${position}, but the database had only reached ${sample.position}`)
      if (late) return unjudged('the database does not answer')
      await clock.sleep(pollAgainMs, new AbortController().signal)
    }
  }

  /** The source id must match at this position or one tick beside it: readers learn a new id from the feed. */
  async #checkSource({ source, position }: Claim): Promise<Verdict | undefined> {
    const { truth, poller } = this.#parts
    if (this.#sampledAround(position, source)) return undefined
    if (poller.latest?.source !== source) await poller.poll().catch(() => undefined)
    const candidates = [position, neighbour(position, -1n), neighbour(position, 1n)]
    let named: SourceId | undefined
    for (const at of candidates) {
      if (!reached(poller.latest, at)) continue
      const known = await truth.sourceAt(at)
      if (known.kind === 'unknown') return unjudged(known.reason)
      if (known.source === source) return this.#checkPastSource(source)
      named ??= known.source
    }
    return wrong(`names the source ${source}, but at ${position} it was ${named ?? 'undefined'}`)
  }

  /**
   * A new source id means that the data behind the address may be different, so the past of the old one can only be read if
   * the server is still the same.
   */
  #checkPastSource(source: SourceId): Verdict | undefined {
    const { poller } = this.#parts
    const { latest } = poller
    if (latest?.source === source) return undefined
    const last = poller.lastOf(source)
    if (last !== undefined && latest !== undefined && isSameServer(last, latest)) return undefined
    return unjudged('the source id has changed since, so the past may be different')
  }

  /** Source ids are never reused, so an id applies to everything between two samples that have it. */
  #sampledAround(position: Position, source: SourceId): boolean {
    const { since, latest } = this.#parts.poller
    return since?.source === source && since.position <= position && reached(latest, position)
  }

  /**
   * An answer must include every change that the database had made `Age` seconds before the question. The samples say which
   * position the database had reached by then.
   */
  async #checkAge(claim: Claim, sentAt: MonotonicMs): Promise<Verdict | undefined> {
    const { poller, truth } = this.#parts
    const { source, position, ageS, unproved } = claim
    const provedAt = sentAt - ageS * 1_000 - ageStepMs - slackMs - (unproved ? unprovedGraceMs : 0)
    const sample = poller.knownBy(provedAt)
    if (sample?.source === undefined) return undefined
    if (sample.source !== source) return await this.#checkNewSource(sample, claim)
    if (position >= sample.position) return undefined
    const changed = await truth.changedWithin(position, sample.position)
    if (changed.kind === 'unknown') return unjudged(changed.reason)
    return changed.kind === 'no'
      ? undefined
      : wrong(`says Age ${ageS} at ${position}, but the database had changed at ${changed.at} before that`)
  }

  /** A reader may learn a new source id before the audit does. An old id must have been replaced after the proof. */
  async #checkNewSource(sample: PositionSample, { source, ageS }: Claim): Promise<Verdict | undefined> {
    const { poller } = this.#parts
    const isNew = (): boolean => poller.after(sample).some((later) => later.source === source)
    if (isNew()) return undefined
    if ((await poller.poll().catch(() => undefined)) === undefined)
      return unjudged('the database does not answer')
    if (isNew()) return undefined
    return wrong(`says Age ${ageS} of the source ${source}, but ${sample.source} had replaced it before that`)
  }
}

/** The position this many ticks later. */
function neighbour(position: Position, ticks: bigint): Position {
  const moved = BigInt(`0x${position}`) + ticks
  return parsePosition(moved.toString(16).padStart(16, '0')) ?? position
}

function reached(sample: PositionSample | undefined, position: Position): boolean {
  return sample !== undefined && sample.position >= position
}

function isSameServer(before: PositionSample | undefined, now: PositionSample): boolean {
  return before?.server !== undefined && before.server === now.server
}

const wrong = (what: string): Verdict => ({ kind: 'wrong', what })
const unjudged = (reason: string): Verdict => ({ kind: 'unjudged', reason })
