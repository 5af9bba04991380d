import { AsyncLocalStorage } from 'node:async_hooks'
import type { Lineage } from '@freshet/protocol'
import type { UnseenStart } from './unseen-starts.ts'

/** What a write would change. */
export interface Written {
  /** Names of collections, `database.name` outside of `database`; `undefined`: a command about none. */
  readonly collections: readonly (string | undefined)[]
  /** Documents that are named by their id: `<collection>/<id>`; `<collection>/*`: others of that collection. */
  readonly keys: readonly string[]
}

/** What the code that runs now descends from. */
export interface Cause {
  /** Its last hop is the handler that runs. */
  readonly lineage: Lineage
  /** The database whose collections go by their plain names. */
  readonly database: string
  /**
   * @returns what is to be called when it is known how many documents were changed.
   * @throws {HandlerError} UNDECLARED_WRITE, WRITE_LOOP, BREAKER_OPEN: this write must not be done.
   */
  judge(written: Written): (changed: number) => void
  /** Something was started whose writes nobody can see. */
  started(what: UnseenStart): void
}

/**
 * Follows the code of a handler through its promises and timers. It is lost where work is handed over by other means,
 * such as a queue of the program's own: wrap what is queued in `AsyncResource.bind`.
 */
const running = new AsyncLocalStorage<Cause>()

/** The cause of the code that runs now; `undefined`: no handler runs it. */
export function currentCause(): Cause | undefined {
  return running.getStore()
}

/** Runs `work`, and all that it starts, as caused. */
export function runCaused<T>(cause: Cause, work: () => T): T {
  return running.run(cause, work)
}
