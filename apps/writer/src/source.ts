import { Backoff, RunLoop, type Clock, type Log, type Part } from '@freshet/kit'
import { parseSourceId, ProblemError, type SourceId } from '@freshet/protocol'
import { createHash } from 'node:crypto'
import type { ControlStore } from './store/contract.ts'

/** What the watch over the source is made of. */
export interface SourceWatchOptions {
  readonly control: Pick<ControlStore, 'timeline'>
  readonly clock: Clock
  readonly log: Log
  /** The longest time between two looks. */
  readonly everyMs: number
}

/** The database answered, and has no name for its history. */
class UnnamedError extends Error {
  override readonly name = 'UnnamedError'
}

/** How long a write, or its answer, waits for a look when the source is in doubt: as long as for a new primary. */
const LOOK_WITHIN_MS = 2_000

/**
 * Knows which history the positions belong to. It changes only when an operator restores a copy, so it is looked at
 * every now and then, and again before the next write when a connection broke: behind the address there may be another
 * server since.
 */
export class SourceWatch implements Part {
  readonly name = 'source'
  readonly #options: SourceWatchOptions
  readonly #loop: RunLoop
  #source: SourceId | undefined
  #seenAt: number | undefined
  #doubted = new AbortController()
  readonly #waiting = new Set<() => void>()
  #failing = false
  /** The last look was answered, and found no name. */
  #unnamed = false

  constructor(options: SourceWatchOptions) {
    this.#options = options
    const { clock } = options
    this.#loop = new RunLoop({
      turn: (signal) => this.#turn(signal),
      judge: (error) => this.#judge(error),
      clock,
      backoff: new Backoff({ firstMs: 100, maxMs: 1_000 }, Math.random),
    })
  }

  /** `undefined` before the first look that found one, and while the last one is in doubt. */
  get source(): SourceId | undefined {
    return this.#source
  }

  /** When the database last answered a look, by the clock. */
  get seenAt(): number | undefined {
    return this.#seenAt
  }

  /** Waits for the next look while the source is in doubt. @throws {ProblemError} unavailable, source-unknown */
  async expect(): Promise<SourceId> {
    if (this.#source === undefined) await this.#looked(LOOK_WITHIN_MS)
    if (this.#source !== undefined) return this.#source
    throw this.#unnamed
      ? new ProblemError('source-unknown', {
          detail: 'The writer does not know which source it writes to.',
        })
      : new ProblemError('unavailable', { detail: 'The database cannot be reached. Nothing was written.' })
  }

  /**
   * Whether what was acknowledged is in the history that was expected when it was sent. At once, unless the source came
   * into doubt meanwhile.
   */
  async stillIs(expected: SourceId): Promise<boolean> {
    if (this.#source === undefined) await this.#looked(LOOK_WITHIN_MS)
    return this.#source === expected
  }

  /** Another server may stand behind the address: the source is unknown until it was looked at again. */
  doubt(): void {
    this.#source = undefined
    this.#doubted.abort()
  }

  start(): void {
    this.#loop.start()
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { control, clock, everyMs, log } = this.#options
    const doubted = (this.#doubted = new AbortController())
    const timeline = await control.timeline()
    // A doubt that came while it was asked makes the answer worthless.
    if (doubted.signal.aborted) return
    this.#seenAt = clock.now()
    const source = timeline === undefined ? undefined : sourceIdOf(timeline)
    if (source === undefined)
      throw new UnnamedError('the database has no control document: it was never migrated')
    if (source !== this.#source) log.info({ source }, 'writing to this source')
    this.#source = source
    this.#failing = false
    for (const wake of this.#waiting) wake()
    await clock.sleep(everyMs, AbortSignal.any([signal, doubted.signal]))
  }

  /** Settles when the source is known again, or after `withinMs`. */
  async #looked(withinMs: number): Promise<void> {
    const done = new AbortController()
    const wake = (): void => done.abort()
    this.#waiting.add(wake)
    await this.#options.clock.sleep(withinMs, done.signal)
    this.#waiting.delete(wake)
  }

  #judge(err: unknown): 'retry' {
    this.#unnamed = err instanceof UnnamedError
    if (!this.#failing) this.#options.log.warn({ err }, 'the source cannot be looked at')
    this.#failing = true
    return 'retry'
  }
}

/** The name that positions carry for a timeline: the same for readers and writers. */
export function sourceIdOf(timeline: string): SourceId | undefined {
  return parseSourceId(createHash('sha256').update(timeline).digest('hex').slice(0, 8))
}
