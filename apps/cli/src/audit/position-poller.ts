import type { Clock, MonotonicMs } from '@freshet/kit'
import type { SourceId } from '@freshet/protocol'
import type { Moment, TruthSource } from './contract.ts'

const everyMs = 100
/** Ten minutes. Older ages cannot be checked. */
const maxSamples = 6_000

/** A state of the database, and the local time when it became known. */
export interface PositionSample extends Moment {
  readonly knownAt: MonotonicMs
}

/**
 * Polls the position of the database ten times per second. The `Age` of an answer is checked against the positions known at
 * that time.
 */
export class PositionPoller {
  readonly #truth: Pick<TruthSource, 'now'>
  readonly #clock: Clock
  readonly #samples: PositionSample[] = []
  #since: PositionSample | undefined
  #running: Promise<PositionSample> | undefined
  #next: Promise<PositionSample> | undefined

  constructor(truth: Pick<TruthSource, 'now'>, clock: Clock) {
    this.#truth = truth
    this.#clock = clock
  }

  /** Polls until `signal` aborts, and ignores errors. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // This leaves a gap in the samples; no answer is checked against it.
      await this.poll().catch(() => undefined)
      await this.#clock.sleep(everyMs, signal)
    }
  }

  /**
   * Takes a new sample. Callers never share a poll that is already running, because its answer may be older than the call; they
   * share the next one. Rejects if the database does not answer.
   */
  poll(): Promise<PositionSample> {
    if (this.#running === undefined) return this.#start()
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined
        return this.#start()
      })
    return this.#next
  }

  get latest(): PositionSample | undefined {
    return this.#samples.at(-1)
  }

  /** The first sample with the source of the latest one. */
  get since(): PositionSample | undefined {
    return this.#since
  }

  /** The latest sample known at this time. */
  knownBy(time: MonotonicMs): PositionSample | undefined {
    return this.#samples.findLast(({ knownAt }) => knownAt <= time)
  }

  /** The last sample of this source. */
  lastOf(source: SourceId): PositionSample | undefined {
    return this.#samples.findLast((sample) => sample.source === source)
  }

  /** Samples that became known after this one, oldest first. */
  after({ knownAt }: PositionSample): readonly PositionSample[] {
    return this.#samples.slice(this.#samples.findLastIndex((sample) => sample.knownAt <= knownAt) + 1)
  }

  #start(): Promise<PositionSample> {
    const running = this.#takeSample().finally(() => (this.#running = undefined))
    this.#running = running
    return running
  }

  async #takeSample(): Promise<PositionSample> {
    const moment = await this.#truth.now()
    const sample = { ...moment, knownAt: this.#clock.now() }
    if (this.#since?.source !== sample.source) this.#since = sample
    this.#samples.push(sample)
    if (this.#samples.length > maxSamples) this.#samples.shift()
    return sample
  }
}
