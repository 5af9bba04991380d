import type { Clock, MonotonicMs } from '@freshet/kit'
import { parsePosition, type Position, type SourceId } from '@freshet/protocol'
import type { Answer, Question, TruthSource, Verdict } from './contract.ts'
import type { Beat, Pulse } from './pulse.ts'

/** `Age` is cut to whole seconds. */
const ageStepMs = 1_000
/** Two clocks that run at different speeds, and timers that fire late. */
const slackMs = 250
/** A reader that says so has heard of no majority; a primary that is cut off steps down long before that. */
const unprovedGraceMs = 20_000
/** A server that has just become primary may need a moment to know how far the majority is. */
const reachWithinMs = 10_000
const askAgainMs = 100

/** RFC 9211; others on the way may have put their word before or behind it. */
const cacheStatusForm =
  /(?:^|, *)freshet; (?:hit|fwd=miss(?:; collapsed)?)(?:; stored)?(?:; detail=unproved)?(?:,|$)/

/** An answer that states a fact, with all that a fact must say of itself. */
export interface Claim {
  readonly source: SourceId
  readonly position: Position
  readonly ageS: number
  readonly unproved: boolean
}

/** What an answer says of itself, or what it should have said. */
export function claimOf(answer: Answer): Claim | { readonly missing: string } {
  const { source, position, ageS, cacheStatus = '' } = answer
  if (source === undefined || position === undefined) return { missing: 'a fact without a position' }
  if (ageS === undefined) return { missing: 'a fact without an Age' }
  if (!cacheStatusForm.test(cacheStatus)) return { missing: `Cache-Status ${JSON.stringify(cacheStatus)}` }
  return { source, position, ageS, unproved: cacheStatus.includes('; detail=unproved') }
}

export interface ClaimsParts {
  readonly truth: TruthSource
  readonly pulse: Pulse
  readonly clock: Clock
}

/** Judges what an answer says of itself: position, source and age, by what the database alone says. */
export class Claims {
  readonly #parts: ClaimsParts

  constructor(parts: ClaimsParts) {
    this.#parts = parts
  }

  /** @returns a verdict against it; nothing when all of it may be true. */
  async judge(question: Question, claim: Claim, sentAt: MonotonicMs): Promise<Verdict | undefined> {
    const { atLeast } = question
    if (atLeast !== undefined && atLeast.source === claim.source && claim.position < atLeast.at)
      return wrong(`answered at ${claim.position}, and was asked for ${atLeast.at} or later`)
    const position = await this.#ofPosition(claim, sentAt)
    if (position !== undefined) return position
    const source = await this.#ofSource(claim)
    if (source?.kind === 'wrong') return source
    return (await this.#ofAge(claim, sentAt)) ?? source
  }

  /** The database had reached it by now. */
  async #ofPosition({ position }: Claim, sentAt: MonotonicMs): Promise<Verdict | undefined> {
    const { pulse, clock } = this.#parts
    if (reached(pulse.newest, position)) return undefined
    const before = pulse.knownBy(sentAt)
    const until = clock.now() + reachWithinMs
    for (;;) {
      const beat = await pulse.ask().catch(() => undefined)
      if (reached(beat, position)) return undefined
      const late = clock.now() >= until
      // What one process knows of the majority never falls, so it was not there when the reader answered.
      if (beat !== undefined && (late || isSameServer(before, beat)))
        return wrong(`names ${position}, and the database had not come further than ${beat.position}`)
      if (late) return unjudged('the database does not answer')
      await clock.sleep(askAgainMs, new AbortController().signal)
    }
  }

  /** The history had this name there, or one tick beside it: readers learn of a new name from the feed. */
  async #ofSource({ source, position }: Claim): Promise<Verdict | undefined> {
    const { truth, pulse } = this.#parts
    if (this.#namedAround(position, source)) return undefined
    if (pulse.newest?.source !== source) await pulse.ask().catch(() => undefined)
    const beside = [position, neighbour(position, -1n), neighbour(position, 1n)]
    let named: SourceId | undefined
    for (const at of beside) {
      if (!reached(pulse.newest, at)) continue
      const known = await truth.sourceAt(at)
      if (known.kind === 'unknown') return unjudged(known.reason)
      if (known.source === source) return this.#ofPastSource(source)
      named ??= known.source
    }
    return wrong(`names the source ${source}, and at ${position} it was ${named ?? 'without a name'}`)
  }

  /**
   * A history gets a new name because other data may be behind the address: what is read there of an old one counts only
   * when the server is seen to be the same.
   */
  #ofPastSource(source: SourceId): Verdict | undefined {
    const { pulse } = this.#parts
    const { newest } = pulse
    if (newest?.source === source) return undefined
    const last = pulse.lastOf(source)
    if (last !== undefined && newest !== undefined && isSameServer(last, newest)) return undefined
    return unjudged('the history has another name since, and its past may be another one')
  }

  /** A name is never given twice, so it held between two moments that have it. */
  #namedAround(position: Position, source: SourceId): boolean {
    const { since, newest } = this.#parts.pulse
    return since?.source === source && since.position <= position && reached(newest, position)
  }

  /**
   * `Age` says for how long nothing newer has been proved to be there. So whatever the database had done by then must be
   * in the answer; what that is, the database itself had said here before the question was sent.
   */
  async #ofAge(claim: Claim, sentAt: MonotonicMs): Promise<Verdict | undefined> {
    const { pulse, truth } = this.#parts
    const { source, position, ageS, unproved } = claim
    const provedAt = sentAt - ageS * 1_000 - ageStepMs - slackMs - (unproved ? unprovedGraceMs : 0)
    const beat = pulse.knownBy(provedAt)
    if (beat?.source === undefined) return undefined
    if (beat.source !== source) return await this.#ofNewSource(beat, claim)
    if (position >= beat.position) return undefined
    const changed = await truth.changedWithin(position, beat.position)
    if (changed.kind === 'unknown') return unjudged(changed.reason)
    return changed.kind === 'no'
      ? undefined
      : wrong(`says Age ${ageS} at ${position}, and the database had changed at ${changed.at} before that`)
  }

  /** A reader may know a new name sooner than it is known here; what is old was another one's before it was proved. */
  async #ofNewSource(beat: Beat, { source, ageS }: Claim): Promise<Verdict | undefined> {
    const { pulse } = this.#parts
    const isNew = (): boolean => pulse.after(beat).some((later) => later.source === source)
    if (isNew()) return undefined
    if ((await pulse.ask().catch(() => undefined)) === undefined)
      return unjudged('the database does not answer')
    if (isNew()) return undefined
    return wrong(`says Age ${ageS} of the source ${source}, which had ended for ${beat.source} before that`)
  }
}

/** The position this many ticks later. */
function neighbour(position: Position, ticks: bigint): Position {
  const moved = BigInt(`0x${position}`) + ticks
  return parsePosition(moved.toString(16).padStart(16, '0')) ?? position
}

function reached(beat: Beat | undefined, position: Position): boolean {
  return beat !== undefined && beat.position >= position
}

function isSameServer(before: Beat | undefined, now: Beat): boolean {
  return before?.server !== undefined && before.server === now.server
}

const wrong = (what: string): Verdict => ({ kind: 'wrong', what })
const unjudged = (reason: string): Verdict => ({ kind: 'unjudged', reason })
