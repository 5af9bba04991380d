import { Backoff, RunLoop, CoalescedCall, withAnySignal, type Clock, type Log, type Part } from '@freshet/kit'
import { ProblemError, type SourceId } from '@freshet/protocol'
import type { ControlStore } from './store/contract.ts'

/** Options of the source watch. */
export interface SourceWatchOptions {
  readonly control: Pick<ControlStore, 'source'>
  readonly clock: Clock
  readonly log: Log
  /** The longest time between two checks, in milliseconds. */
  readonly everyMs: number
}

/** The database answered but has no source document. */
class UnnamedError extends Error {
  override readonly name = 'UnnamedError'
}

/** Minimum interval between checks while several writes share each of them. A single client waits for no interval. */
const CHECK_GAP_MS = 4

const unending = new AbortController().signal

/** How long a write or its answer waits for a check while the source is in doubt: as long as for a new primary. */
const CHECK_WITHIN_MS = 2_000

/**
 * Knows the source, which identifies the history that positions belong to. It may change or disappear at any time, for
 * example by a restore or a drop, so it is checked after every write (one check covers all writes acknowledged before
 * it), and periodically. After a broken connection it is also checked before the next write: the address may lead to
 * another server now.
 */
export class SourceWatch implements Part {
  readonly name = 'source'
  readonly #options: SourceWatchOptions
  readonly #loop: RunLoop
  readonly #checks = new CoalescedCall(
    () => this.#check(),
    () => this.#pause(),
  )
  #beganAt = -Infinity
  /** Writes that wait for the next check, and how many the last one covered. */
  #writes = 0
  #covered = 0
  #source: SourceId | undefined
  #everKnown = false
  #seenAt: number | undefined
  /** Aborts when the current check, or the last one, becomes invalid. */
  #doubted = new AbortController()
  /** Ends the pause between two checks. */
  #waking = new AbortController()
  readonly #waiting = new Set<() => void>()
  #failing = false
  /** The last check found no source document. */
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

  /** `undefined` before the first check, if the last one found no source document, and while in doubt. */
  get source(): SourceId | undefined {
    return this.#source
  }

  /** Whether any check has found a source. */
  get everKnown(): boolean {
    return this.#everKnown
  }

  /** Whether the last check found no source document: the database was dropped, or never migrated. */
  get unnamed(): boolean {
    return this.#unnamed
  }

  /** When the database last answered a check, by the clock. */
  get seenAt(): number | undefined {
    return this.#seenAt
  }

  /** Waits for the next check while the source is in doubt. @throws {ProblemError} unavailable, source-unknown */
  async expect(): Promise<SourceId> {
    if (this.#source === undefined && !this.#unnamed) await this.#checkedWithin(CHECK_WITHIN_MS)
    if (this.#source !== undefined) return this.#source
    throw this.#unnamed
      ? new ProblemError('source-unknown', {
          detail:
            'The database has no source document: it was dropped, or never migrated. Nothing was written.',
        })
      : new ProblemError('unavailable', { detail: 'The database cannot be reached. Nothing was written.' })
  }

  /**
   * Whether an acknowledged write belongs to the source that was expected when it was sent. Starts a new check, because
   * an earlier one proves nothing about it. Also `false` if no check is answered within some seconds.
   */
  async stillIs(expected: SourceId): Promise<boolean> {
    const known = (await this.#checkNow()) || (await this.#checkedWithin(CHECK_WITHIN_MS))
    return known && this.#source === expected
  }

  /** The address may lead to another server: the source is unknown until the next check. */
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
    if (!(await this.#checks.run())) return
    if (this.#unnamed) throw new UnnamedError('the database has no source document: run freshet migrate')
    this.#failing = false
    const waking = (this.#waking = new AbortController())
    await withAnySignal([signal, waking.signal], (either) => clock.sleep(everyMs, either))
  }

  #pause(): Promise<void> | undefined {
    if (Math.max(this.#writes, this.#covered) <= 1) return undefined
    const { clock } = this.#options
    const waitMs = this.#beganAt + CHECK_GAP_MS - clock.now()
    return waitMs > 0 ? clock.sleep(waitMs, unending) : undefined
  }

  /** Whether the check counts, with or without a source. Rejects as the control store does. */
  async #check(): Promise<boolean> {
    const { control, clock, log } = this.#options
    this.#beganAt = clock.now()
    this.#covered = this.#writes
    this.#writes = 0
    const doubted = (this.#doubted = new AbortController())
    const source = await control.source()
    // A doubt raised during the check invalidates its answer.
    if (doubted.signal.aborted) return false
    this.#seenAt = clock.now()
    if (source !== undefined && source !== this.#source) log.info({ source }, 'writing to this source')
    this.#source = source
    this.#everKnown ||= source !== undefined
    this.#unnamed = source === undefined
    for (const wake of this.#waiting) wake()
    return true
  }

  async #checkNow(): Promise<boolean> {
    this.#writes += 1
    try {
      return await this.#checks.run()
    } catch {
      // The loop gets the same error and logs it.
      return false
    }
  }

  /** Waits for the next check. Whether one was answered within `withinMs`. */
  async #checkedWithin(withinMs: number): Promise<boolean> {
    const done = new AbortController()
    const wake = (): void => done.abort()
    this.#waiting.add(wake)
    await this.#options.clock.sleep(withinMs, done.signal)
    this.#waiting.delete(wake)
    return done.signal.aborted
  }

  #judge(err: unknown): 'retry' {
    if (!(err instanceof UnnamedError)) this.#unnamed = false
    if (!this.#failing) this.#options.log.warn({ err }, 'cannot check the source')
    this.#failing = true
    return 'retry'
  }
}
