import type { Batch } from '@freshet/change-stream'
import type { Clock, Log, MonotonicMs } from '@freshet/kit'
import type { LogChunk } from './transport.ts'

/** What to change if Debezium is silent: it never wrote a heartbeat, or nothing came for too long. */
export const silenceRemedies = {
  never: 'Set heartbeat.interval.ms=1000, and route the topic of heartbeats to this one too.',
  now: 'Start the connector. If it runs, set heartbeat.interval.ms below --log-heartbeat-within, and compare the clocks of both machines.',
} as const

type Silence = keyof typeof silenceRemedies

const sentences: Readonly<Record<Silence, string>> = {
  never: 'the log has no heartbeats: while it has no other records, it cannot be known how fresh it is',
  now: 'the log has no new records: it cannot be known how fresh it is',
}

/** When the state was proved to be current, and Debezium to be alive. */
export class Proofs {
  readonly #clock: Clock
  readonly #log: Log
  readonly #beatWithinMs: number
  /** When the latest record was appended, by the clock of this process. */
  #beatAt: MonotonicMs = Number.NEGATIVE_INFINITY
  #provedAt: MonotonicMs = Number.NEGATIVE_INFINITY
  /** When the log was first read to its end. */
  #firstEndAt: MonotonicMs | undefined
  #reported: Silence | undefined

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Log }, beatWithinMs: number) {
    this.#clock = clock
    this.#log = log
    this.#beatWithinMs = beatWithinMs
  }

  seen({ records }: Pick<LogChunk, 'records'>): void {
    const last = records.at(-1)
    if (last === undefined) return
    const ageMs = Math.max(0, this.#clock.wallMs() - last.timestampMs)
    this.#beatAt = Math.max(this.#beatAt, this.#clock.now() - ageMs)
  }

  /**
   * The log was read to its end, as of `askedAt`. Each silence is reported once; missing heartbeats are reported once, however
   * often other records interrupt the silence.
   */
  ended(askedAt: MonotonicMs, hasBeats: boolean): void {
    this.#firstEndAt ??= askedAt
    const silentMs = askedAt - Math.max(this.#beatAt, this.#firstEndAt)
    if (silentMs <= this.#beatWithinMs) {
      if (this.#reported === 'now') this.#reported = undefined
      return
    }
    const silence = hasBeats ? 'now' : 'never'
    if (silence === this.#reported) return
    this.#reported = silence
    this.#log.warn({ remedy: silenceRemedies[silence] }, sentences[silence])
  }

  /**
   * The log was read to its end, as of `askedAt`, and its state is whole. While Debezium is silent, this proves nothing about the
   * database; only at the start it has to do.
   */
  proved(askedAt: MonotonicMs, beatRequired: boolean): void {
    if (!beatRequired || askedAt - this.#beatAt <= this.#beatWithinMs)
      this.#provedAt = Math.max(this.#provedAt, askedAt)
  }

  get latest(): Pick<Batch, 'provedAt' | 'aliveAt'> {
    return { provedAt: this.#provedAt, aliveAt: this.#beatAt }
  }
}
