import type { Clock, MonotonicMs } from '@freshet/kit'
import type { SourceId } from '@freshet/protocol'
import type { Moment, TruthSource } from './contract.ts'

const everyMs = 100
/** Ten minutes. Of an answer that says it is older, it is not known whether it is. */
const maxMoments = 6_000

/** A moment of the database and when it was known here, on this machine's clock. */
export interface Beat extends Moment {
  readonly knownAt: MonotonicMs
}

/**
 * Asks the database ten times a second where it stands, so that what a reader says about its age is held against what
 * the database itself had said by then.
 */
export class Pulse {
  readonly #truth: Pick<TruthSource, 'now'>
  readonly #clock: Clock
  readonly #beats: Beat[] = []
  #since: Beat | undefined
  #asked: Promise<Beat> | undefined
  #next: Promise<Beat> | undefined

  constructor(truth: Pick<TruthSource, 'now'>, clock: Clock) {
    this.#truth = truth
    this.#clock = clock
  }

  /** Asks until `signal` aborts. A database that does not answer is asked again. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // Nothing is known of this time then: no answer is judged by it.
      await this.ask().catch(() => undefined)
      await this.#clock.sleep(everyMs, signal)
    }
  }

  /**
   * Asks from now on: one question that is under way already may have been answered before. Those who want to know while
   * one is under way share the next. Rejects when the database does not answer.
   */
  ask(): Promise<Beat> {
    if (this.#asked === undefined) return this.#start()
    this.#next ??= this.#asked
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined
        return this.#start()
      })
    return this.#next
  }

  get newest(): Beat | undefined {
    return this.#beats.at(-1)
  }

  /** The first beat of the history that the newest one is of. */
  get since(): Beat | undefined {
    return this.#since
  }

  /** The newest beat that was known at this time. */
  knownBy(time: MonotonicMs): Beat | undefined {
    return this.#beats.findLast(({ knownAt }) => knownAt <= time)
  }

  /** The last beat of this history. */
  lastOf(source: SourceId): Beat | undefined {
    return this.#beats.findLast((beat) => beat.source === source)
  }

  /** Those that were known later than this one, the oldest first. */
  after({ knownAt }: Beat): readonly Beat[] {
    return this.#beats.slice(this.#beats.findLastIndex((beat) => beat.knownAt <= knownAt) + 1)
  }

  #start(): Promise<Beat> {
    const asked = this.#ask().finally(() => (this.#asked = undefined))
    this.#asked = asked
    return asked
  }

  async #ask(): Promise<Beat> {
    const moment = await this.#truth.now()
    const beat = { ...moment, knownAt: this.#clock.now() }
    if (this.#since?.source !== beat.source) this.#since = beat
    this.#beats.push(beat)
    if (this.#beats.length > maxMoments) this.#beats.shift()
    return beat
  }
}
