import type { Clock, Log } from '@freshet/kit'

/** The time limit of a drain. */
export interface Grace {
  /** In milliseconds, from the call. */
  readonly ms: number
  /** Aborts at the deadline; whatever is still open is then cut. */
  readonly signal: AbortSignal
}

/** Something that must end before the process stops: waiting requests, streams, sockets. */
export interface Drainable {
  /** For the log. */
  readonly name: string
  /** Notifies clients and closes what is open. Resolves when done; called once. */
  drain(grace: Grace): void | Promise<void>
}

/**
 * Drains everything that apps registered, concurrently, while the public port closes. The parts of the app stop
 * afterwards.
 */
export class Drain {
  readonly #registered: Drainable[] = []
  readonly #log: Log
  readonly #clock: Clock
  #begun = false

  constructor(log: Log, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  /** Whether draining has begun: start nothing long-lived. */
  get begun(): boolean {
    return this.#begun
  }

  /** Call it while building the app. */
  add(one: Drainable): void {
    this.#registered.push(one)
  }

  /** Resolves when all are drained, or after `withinMs`. Never rejects; failures and overruns are logged. */
  async run(withinMs: number): Promise<void> {
    this.#begun = true
    const over = new AbortController()
    const done = new AbortController()
    const grace: Grace = { ms: withinMs, signal: over.signal }
    const late = this.#clock.sleep(withinMs, done.signal).then(() => over.abort())
    await Promise.race([late, Promise.all(this.#registered.map((one) => this.#end(one, grace)))])
    done.abort()
  }

  async #end(one: Drainable, grace: Grace): Promise<void> {
    const onLate = (): void => this.#log.warn({ drain: one.name }, 'not drained in time')
    grace.signal.addEventListener('abort', onLate, { once: true })
    try {
      await one.drain(grace)
    } catch (err) {
      this.#log.error({ drain: one.name, err }, 'drain failed')
    } finally {
      grace.signal.removeEventListener('abort', onLate)
    }
  }
}
