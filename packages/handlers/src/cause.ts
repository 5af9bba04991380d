import { AsyncLocalStorage } from 'node:async_hooks'
import type { Lineage } from '@freshet/protocol'
import type { UnseenStart } from './unseen-starts.ts'

/** What a write would change. */
export interface Written {
  /** Collection names, as `database.name` for other databases; `undefined`: a command without a collection. */
  readonly collections: readonly (string | undefined)[]
  /** Documents named by id: `<collection>/<id>`; `<collection>/*` for others in that collection. */
  readonly keys: readonly string[]
}

/** What caused the currently running code. */
export interface Cause {
  /** Its last hop is the running handler. */
  readonly lineage: Lineage
  /** The database whose collections are named without a prefix. */
  readonly database: string
  /**
   * Checks a write.
   * @returns a function to call with the number of changed documents.
   * @throws {HandlerError} UNDECLARED_WRITE, WRITE_LOOP, BREAKER_OPEN: the write must not be sent.
   */
  judge(written: Written): (changed: number) => void
  /** Reports that something was started whose writes are not visible. */
  started(what: UnseenStart): void
}

/**
 * Follows a handler's code through promises and timers. Lost when work is passed on in other ways, such as an own
 * queue: wrap queued functions in `AsyncResource.bind`.
 */
const running = new AsyncLocalStorage<Cause>()

/** The cause of the running code; `undefined` outside of handlers. */
export function currentCause(): Cause | undefined {
  return running.getStore()
}

/** Runs `work`, and everything it starts, with this cause. */
export function runCaused<T>(cause: Cause, work: () => T): T {
  return running.run(cause, work)
}
