import type { Position } from '@freshet/protocol'
import type { Notice } from './contract.ts'
import { deferred } from './deferred.ts'

type ChangesNotice = Extract<Notice, { readonly kind: 'changes' }>

/** One subscriber's queue. */
interface Subscriber {
  queue: Notice[]
  open: boolean
  arrived: ReturnType<typeof deferred<void>>
  /** The collections that it hears of; `undefined`: all. */
  readonly only: ReadonlySet<string> | undefined
}

/** Tells subscribers what changed. Costs nothing while there are none. */
export class Subscriptions {
  readonly #subscribers = new Set<Subscriber>()
  readonly #maxNotices: number
  #closed = false

  constructor(maxNotices: number) {
    this.#maxNotices = maxNotices
  }

  /** Whether somebody listens. */
  get wanted(): boolean {
    return this.#subscribers.size > 0
  }

  /** One that is too slow loses its queue and hears that it must read everything anew: memory stays bounded. */
  tell(notice: ChangesNotice): void {
    for (const subscriber of this.#subscribers) {
      const { only } = subscriber
      const keys = only ? notice.keys.filter(({ collection }) => only.has(collection)) : notice.keys
      if (keys.length > 0) this.#queue(subscriber, only ? { ...notice, keys } : notice)
    }
  }

  /** @param collection the only one that it is about, if it is about one. */
  reset(reason: string, at: Position, collection?: string): void {
    for (const subscriber of this.#subscribers) {
      const { only } = subscriber
      if (collection !== undefined && only && !only.has(collection)) continue
      this.#queue(subscriber, { kind: 'reset', reason, at })
    }
  }

  /**
   * Listens from this call on, not from the first `next`; ends when `signal` aborts.
   * @param only the collections to hear of: what changes elsewhere takes no place in the queue. Default: all.
   */
  listen(signal: AbortSignal, only?: ReadonlySet<string>): AsyncIterable<Notice> {
    const subscriber: Subscriber = { queue: [], open: true, arrived: deferred(), only }
    this.#subscribers.add(subscriber)
    if (signal.aborted || this.#closed) this.#end(subscriber)
    const leave = (): void => this.#end(subscriber)
    signal.addEventListener('abort', leave, { once: true })
    return this.#read(subscriber, signal, leave)
  }

  /** Ends all iterations; who listens later hears nothing. */
  close(): void {
    this.#closed = true
    for (const subscriber of this.#subscribers) this.#end(subscriber)
  }

  #queue(subscriber: Subscriber, notice: Notice): void {
    const full = subscriber.queue.length >= this.#maxNotices
    if (full) subscriber.queue = [{ kind: 'reset', reason: 'too-slow', at: notice.at }]
    else subscriber.queue.push(notice)
    subscriber.arrived.resolve()
  }

  #end(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber)
    subscriber.open = false
    subscriber.arrived.resolve()
  }

  async *#read(subscriber: Subscriber, signal: AbortSignal, leave: () => void): AsyncGenerator<Notice> {
    try {
      while (subscriber.open) {
        for (let notice = subscriber.queue.shift(); notice !== undefined; notice = subscriber.queue.shift()) {
          yield notice
          if (!subscriber.open) return
        }
        await subscriber.arrived.promise
        subscriber.arrived = deferred()
      }
    } finally {
      leave()
      signal.removeEventListener('abort', leave)
    }
  }
}
