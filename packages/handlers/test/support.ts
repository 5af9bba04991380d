import type { Clock } from '@freshet/kit'
import { positionOf, type Lineage } from '@freshet/protocol'
import { ChangeHandlers } from '../src/change-handlers.ts'
import type { HandlerOptions } from '../src/change-handlers.ts'
import type { HeardChange } from '../src/contract.ts'
import { KeptLog } from '@freshet/testkit'

export { runCaused } from '../src/cause.ts'

/** A clock that only the test advances. */
export class HandClock implements Clock {
  #nowMs = 0

  now(): number {
    return this.#nowMs
  }

  wallMs(): number {
    return this.#nowMs
  }

  sleep(): Promise<void> {
    throw new Error('nothing sleeps here')
  }

  pass(ms: number): void {
    this.#nowMs += ms
  }
}

export const never = new AbortController().signal

/** The handlers of a service, their log, and the time. */
export function serviceOf(options: Partial<HandlerOptions> = {}): {
  readonly handlers: ChangeHandlers
  readonly log: KeptLog
  readonly clock: HandClock
} {
  const log = new KeptLog()
  const clock = new HandClock()
  return {
    handlers: new ChangeHandlers({ service: 's', database: 'app', clock, log, ...options }),
    log,
    clock,
  }
}

/** A change of `<collection>/<id>`. */
export function change(key: string, cause: Lineage = []): HeardChange {
  const [collection = '', id = ''] = key.split('/')
  return { collection, id, at: positionOf(1, 1), cause }
}
