import type { Clock } from '@freshet/kit'
import { StoreError } from '../errors.ts'

/** Longest wait for a turn. Others of the same conversation were faster all that time. */
const TURN_WITHIN_MS = 5_000

/**
 * Lets the transactions of one conversation follow each other, since any two of them conflict. Between processes they
 * are retried instead. First come, first served; nothing is kept for a conversation that nobody writes to.
 */
export class Turns {
  readonly #clock: Pick<Clock, 'sleep'>
  /** Those that wait, by conversation; an empty list while one has its turn. */
  readonly #waiting = new Map<string, (() => void)[]>()

  constructor(clock: Pick<Clock, 'sleep'>) {
    this.#clock = clock
  }

  /** Resolves with a function that ends the turn; idempotent. @throws {StoreError} CONFLICT: not in time. */
  async take(conversation: string): Promise<() => void> {
    const waiting = this.#waiting.get(conversation)
    if (waiting === undefined) this.#waiting.set(conversation, [])
    else await this.#wait(waiting)
    let ended = false
    return () => {
      if (!ended) this.#next(conversation)
      ended = true
    }
  }

  async #wait(waiting: (() => void)[]): Promise<void> {
    const turn = new AbortController()
    const begin = (): void => turn.abort()
    waiting.push(begin)
    await this.#clock.sleep(TURN_WITHIN_MS, turn.signal)
    if (turn.signal.aborted) return
    waiting.splice(waiting.indexOf(begin), 1)
    throw new StoreError('CONFLICT', `no turn in its conversation within ${TURN_WITHIN_MS} ms`)
  }

  #next(conversation: string): void {
    const begin = this.#waiting.get(conversation)?.shift()
    if (begin === undefined) this.#waiting.delete(conversation)
    else begin()
  }
}
