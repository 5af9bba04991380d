import { Backoff, RunLoop, CoalescedCall, type Clock, type Log, type Part } from '@freshet/kit'
import { ProblemError, type SourceId } from '@freshet/protocol'
import type { ControlStore } from './store/contract.ts'

/** What the watch over the source is made of. */
export interface SourceWatchOptions {
  readonly control: Pick<ControlStore, 'source'>
  readonly clock: Clock
  readonly log: Log
  /** The longest time between two looks. */
  readonly everyMs: number
}

/** The database answered, and has no name for its history. */
class UnnamedError extends Error {
  override readonly name = 'UnnamedError'
}

/**
 * Looks begin no closer together, in milliseconds: under load each one is for more writes, and a write with a majority
 * takes about as long itself.
 */
const LOOK_EVERY_MS = 4

const unending = new AbortController().signal

/** How long a write, or its answer, waits for a look when the source is in doubt: as long as for a new primary. */
const LOOK_WITHIN_MS = 2_000

/**
 * Knows which history the positions belong to. It is looked at after every write, by one look for all that were
 * acknowledged before it, since it may be another one, or gone, as after a restore or when the database was dropped; and
 * every now and then. When a connection broke it is looked at before the next write too: behind the address there may be
 * another server since.
 */
export class SourceWatch implements Part {
  readonly name = 'source'
  readonly #options: SourceWatchOptions
  readonly #loop: RunLoop
  readonly #looks = new CoalescedCall(
    () => this.#look(),
    () => this.#pause(),
  )
  #beganAt = -Infinity
  #source: SourceId | undefined
  #seenAt: number | undefined
  /** Of the look that is under way, or was the last one. */
  #doubted = new AbortController()
  /** Of the pause between two looks. */
  #waking = new AbortController()
  readonly #waiting = new Set<() => void>()
  #failing = false
  /** The last look was answered, and found no name. */
  #unnamed = false

  constructor(options: SourceWatchOptions) {
    this.#options = options
    const { clock } = options
    this.#loop = new RunLoop({
      attempt: (signal) => this.#turn(signal),
      onFailure: (error) => this.#judge(error),
      clock,
      backoff: new Backoff({ firstMs: 100, maxMs: 500 }, Math.random),
    })
  }

  /** `undefined` before the first look that found one, when the last one found none, and while that is in doubt. */
  get source(): SourceId | undefined {
    return this.#source
  }

  /** Whether the database answered the last look and has no name for its history: it was dropped, or never migrated. */
  get unnamed(): boolean {
    return this.#unnamed
  }

  /** When the database last answered a look, by the clock. */
  get seenAt(): number | undefined {
    return this.#seenAt
  }

  /** Waits for the next look while the source is in doubt. @throws {ProblemError} unavailable, source-unknown */
  async expect(): Promise<SourceId> {
    if (this.#source === undefined && !this.#unnamed) await this.#looked(LOOK_WITHIN_MS)
    if (this.#source !== undefined) return this.#source
    throw this.#unnamed
      ? new ProblemError('source-unknown', {
          detail:
            'The database has no name for its history: it was dropped, or never migrated. Nothing was written.',
        })
      : new ProblemError('unavailable', { detail: 'The database cannot be reached. Nothing was written.' })
  }

  /**
   * Whether what was acknowledged is in the history that was expected when it was sent, by a look that begins now: an
   * earlier one says nothing about it. `false` also when no look is answered within some seconds.
   */
  async stillIs(expected: SourceId): Promise<boolean> {
    const known = (await this.#lookedNow()) || (await this.#looked(LOOK_WITHIN_MS))
    return known && this.#source === expected
  }

  /** Another server may stand behind the address: the source is unknown until it was looked at again. */
  doubt(): void {
    this.#source = undefined
    this.#unnamed = false
    this.#doubted.abort()
    this.#waking.abort()
  }

  start(): void {
    this.#loop.start()
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { clock, everyMs } = this.#options
    if (!(await this.#looks.run())) return
    if (this.#unnamed) throw new UnnamedError('the database has no source document: run freshet migrate')
    this.#failing = false
    const waking = (this.#waking = new AbortController())
    await clock.sleep(everyMs, AbortSignal.any([signal, waking.signal]))
  }

  #pause(): Promise<void> | undefined {
    const { clock } = this.#options
    const waitMs = this.#beganAt + LOOK_EVERY_MS - clock.now()
    return waitMs > 0 ? clock.sleep(waitMs, unending) : undefined
  }

  /** Whether it was answered, with a name or without. Rejects as the control store does. */
  async #look(): Promise<boolean> {
    const { control, clock, log } = this.#options
    this.#beganAt = clock.now()
    const doubted = (this.#doubted = new AbortController())
    const source = await control.source()
    // A doubt that came while it was asked makes the answer worthless.
    if (doubted.signal.aborted) return false
    this.#seenAt = clock.now()
    if (source !== undefined && source !== this.#source) log.info({ source }, 'writing to this source')
    this.#source = source
    this.#unnamed = source === undefined
    for (const wake of this.#waiting) wake()
    return true
  }

  async #lookedNow(): Promise<boolean> {
    try {
      return await this.#looks.run()
    } catch {
      // The loop meets the same error and tells it.
      return false
    }
  }

  /** Whether a look was answered within `withinMs`. */
  async #looked(withinMs: number): Promise<boolean> {
    const done = new AbortController()
    const wake = (): void => done.abort()
    this.#waiting.add(wake)
    await this.#options.clock.sleep(withinMs, done.signal)
    this.#waiting.delete(wake)
    return done.signal.aborted
  }

  #judge(err: unknown): 'retry' {
    if (!(err instanceof UnnamedError)) this.#unnamed = false
    if (!this.#failing) this.#options.log.warn({ err }, 'the source cannot be looked at')
    this.#failing = true
    return 'retry'
  }
}
