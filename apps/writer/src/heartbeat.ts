import { Backoff, RunLoop, type Clock, type Log, type Part } from '@freshet/kit'
import type { ControlStore, HeartbeatState } from './store/contract.ts'

export interface HeartbeatOptions {
  readonly control: Pick<ControlStore, 'beat'>
  /** When the last write of this process was acknowledged, by the clock; `undefined`: none yet. */
  readonly lastWriteAt: () => number | undefined
  readonly clock: Clock
  readonly log: Log
  /** The longest silence that readers should see, in milliseconds. */
  readonly quietMs: number
  /** The silence after which readers report `unproved`, in milliseconds. */
  readonly lateAfterMs: number
}

/**
 * Shows readers that a majority is alive while nobody writes: an isolated primary sends empty batches too. A process
 * that writes needs no heartbeat, and several idle writers beat no more often than one. Stored times are never compared
 * with a clock.
 */
export class Heartbeat implements Part {
  readonly name = 'heartbeat'
  readonly #options: HeartbeatOptions
  readonly #loop: RunLoop
  #startedAt: number | undefined
  #lastBeatAt: number | undefined
  #seen: HeartbeatState | undefined
  #refused = false

  constructor(options: HeartbeatOptions) {
    this.#options = options
    this.#loop = new RunLoop({
      attempt: (signal) => this.#turn(signal),
      onFailure: (error) => this.#judge(error),
      clock: options.clock,
      backoff: new Backoff({ firstMs: options.quietMs, maxMs: options.quietMs * 8 }, Math.random),
    })
  }

  /** When a beat was last seen in the database, ours or that of another writer, by the clock. */
  get lastBeatAt(): number | undefined {
    return this.#lastBeatAt
  }

  /** Whether readers may call the database unproved: it did not take the last beat, or nothing came for too long. */
  get failing(): boolean {
    const { clock, lateAfterMs, lastWriteAt } = this.#options
    if (this.#refused) return true
    if (this.#startedAt === undefined) return false
    const last = Math.max(this.#startedAt, this.#lastBeatAt ?? -Infinity, lastWriteAt() ?? -Infinity)
    return clock.now() - last > lateAfterMs
  }

  start(): void {
    this.#startedAt = this.#options.clock.now()
    this.#loop.start()
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { control, clock, quietMs, lastWriteAt, log } = this.#options
    const quietForMs = clock.now() - (lastWriteAt() ?? -Infinity)
    if (quietForMs < quietMs) return await clock.sleep(quietMs - quietForMs, signal)
    const pulse = await control.beat(this.#seen)
    if (pulse.beats !== this.#seen?.beats) this.#lastBeatAt = clock.now()
    this.#seen = pulse
    if (this.#refused) log.info({}, 'the heartbeat is accepted again')
    this.#refused = false
    await clock.sleep(quietMs, signal)
  }

  #judge(err: unknown): 'retry' {
    // Logged once per outage.
    if (!this.#refused) this.#options.log.warn({ err }, 'the heartbeat is not accepted')
    this.#refused = true
    // Read again first: the document may have been replaced meanwhile.
    this.#seen = undefined
    return 'retry'
  }
}
