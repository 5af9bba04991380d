import type { Clock, Log } from '@freshet/kit'

/** The time that a drain has. */
export interface Grace {
  /** In milliseconds, from the call on. */
  readonly ms: number
  /** Aborts when it is over: what is open then is cut. */
  readonly signal: AbortSignal
}

/** Something of an app that has to end when its process is asked to stop: what waits, streams, sockets. */
export interface Draining {
  /** For the log. */
  readonly name: string
  /** Tells clients and ends what is open. Settles when that is done; called once. */
  drain(grace: Grace): void | Promise<void>
}

/** Ends what apps registered, all at the same time, while the public port closes. The app's parts stop after it. */
export class Drain {
  readonly #all: Draining[] = []
  readonly #log: Log
  readonly #clock: Clock
  #begun = false

  constructor(log: Log, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  /** From now on nothing new that lasts should be taken on. */
  get begun(): boolean {
    return this.#begun
  }

  /** Call it while the app is built. */
  add(one: Draining): void {
    this.#all.push(one)
  }

  /** Settles when all have ended, or `withinMs` are over. Never rejects: who fails, or is late, is logged. */
  async run(withinMs: number): Promise<void> {
    this.#begun = true
    const over = new AbortController()
    const done = new AbortController()
    const grace: Grace = { ms: withinMs, signal: over.signal }
    const late = this.#clock.sleep(withinMs, done.signal).then(() => over.abort())
    await Promise.race([late, Promise.all(this.#all.map((one) => this.#end(one, grace)))])
    done.abort()
  }

  async #end(one: Draining, grace: Grace): Promise<void> {
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
