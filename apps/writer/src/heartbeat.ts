import { Backoff, RunLoop, type Clock, type Log, type Part } from '@freshet/kit'
import type { ControlStore } from './store/contract.ts'

/** What the heartbeat is made of. */
export interface HeartbeatOptions {
  readonly control: Pick<ControlStore, 'beat'>
  /** When the last write of this process was acknowledged, by the clock; `undefined`: none yet. */
  readonly lastWriteAt: () => number | undefined
  readonly clock: Clock
  readonly log: Log
  /** The longest silence that readers are to see, in milliseconds. */
  readonly quietMs: number
}

/**
 * Lets readers see that a majority is alive while nobody writes: a primary that was cut off sends them empty answers
 * too. A process that writes needs no beats, and several idle ones beat no more often than one.
 */
export class Heartbeat implements Part {
  readonly name = 'heartbeat'
  readonly #options: HeartbeatOptions
  readonly #loop: RunLoop
  #lastBeatAt: number | undefined
  #failing = false

  constructor(options: HeartbeatOptions) {
    this.#options = options
    this.#loop = new RunLoop({
      turn: (signal) => this.#turn(signal),
      judge: (error) => this.#judge(error),
      clock: options.clock,
      backoff: new Backoff({ firstMs: options.quietMs, maxMs: options.quietMs * 8 }, Math.random),
    })
  }

  /** When the database last took a beat, by the clock. */
  get lastBeatAt(): number | undefined {
    return this.#lastBeatAt
  }

  /** Whether the database did not take the last beat: idle readers will call it unproved. */
  get failing(): boolean {
    return this.#failing
  }

  start(): void {
    this.#loop.start()
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { control, clock, quietMs, lastWriteAt, log } = this.#options
    const quietForMs = clock.now() - (lastWriteAt() ?? -Infinity)
    if (quietForMs < quietMs) return await clock.sleep(quietMs - quietForMs, signal)
    await control.beat(quietMs)
    this.#lastBeatAt = clock.now()
    if (this.#failing) log.info({}, 'the heartbeat is taken again')
    this.#failing = false
    await clock.sleep(quietMs, signal)
  }

  #judge(err: unknown): 'retry' {
    // Once for an outage, not for each beat of it.
    if (!this.#failing) this.#options.log.warn({ err }, 'the heartbeat is not taken')
    this.#failing = true
    return 'retry'
  }
}
