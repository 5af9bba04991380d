import type { Value } from '@freshet/cache'
import type { Position } from '@freshet/protocol'
import type { ChangedDocument, Notification, SubscribeOptions } from './contract.ts'
import { deferred, type Deferred } from './deadline.ts'

/** The overhead of a queued change beyond its document. */
const CHANGE_BYTES = 256

interface Queued<V> {
  readonly notification: Notification<V>
  readonly bytes: number
}

/** One subscriber and its unread notifications. */
interface Subscriber<V> {
  readonly collections: readonly string[] | undefined
  /** Ends the subscription. Idempotent. */
  readonly cancel: () => void
  /** Changes of the current batch. */
  pending: ChangedDocument<V>[]
  pendingBytes: number
  queue: Queued<V>[]
  queuedBytes: number
  open: boolean
  arrived: Deferred<void>
}

/**
 * Delivers changes to subscribers, indexed by collection: subscribers of other collections cost the feed nothing.
 */
export class Subscriptions<V extends Value> {
  /** Subscribers to all collections. */
  readonly #all = new Set<Subscriber<V>>()
  readonly #byCollection = new Map<string, Set<Subscriber<V>>>()
  /** Subscribers with changes in the current batch. */
  readonly #affected = new Set<Subscriber<V>>()
  readonly #aborts = new AbortCallbacks()
  readonly #maxBytes: number
  readonly #sizeOf: (document: V) => number
  #closed = false

  /** @param maxBytes the most bytes queued per subscriber. */
  constructor(maxBytes: number, sizeOf: (document: V) => number) {
    this.#maxBytes = maxBytes
    this.#sizeOf = sizeOf
  }

  /** Whether the collection has a subscriber. */
  wants(collection: string): boolean {
    return this.#all.size > 0 || this.#byCollection.has(collection)
  }

  /** Adds a change of the current batch; {@link flush} delivers it. */
  add(change: ChangedDocument<V>): void {
    const bytes = CHANGE_BYTES + ('document' in change ? this.#sizeOf(change.document) : 0)
    for (const subscriber of this.#subscribersOf(change.collection)) {
      subscriber.pending.push(change)
      subscriber.pendingBytes += bytes
      this.#affected.add(subscriber)
    }
  }

  /** Tells subscribers to read everything again. @param collection limits the reset to its subscribers. */
  reset(reason: string, at: Position, collection?: string): void {
    const affected = collection === undefined ? this.#subscribers() : this.#subscribersOf(collection)
    for (const subscriber of affected) {
      // Everything will be read again, so pending changes are obsolete.
      if (collection === undefined) subscriber.pending = []
      this.#flush(subscriber, at)
      this.#enqueue(subscriber, { kind: 'reset', reason, at }, CHANGE_BYTES)
    }
  }

  /** Delivers the added changes, all at one position. */
  flush(at: Position): void {
    for (const subscriber of this.#affected) this.#flush(subscriber, at)
    this.#affected.clear()
  }

  /** Subscribes from this call on, not from the first `next`. Ends when the signal aborts. */
  subscribe({ signal, collections }: SubscribeOptions): AsyncIterable<Notification<V>> {
    const subscriber: Subscriber<V> = {
      collections,
      cancel: () => this.#remove(subscriber, signal),
      pending: [],
      pendingBytes: 0,
      queue: [],
      queuedBytes: 0,
      open: !signal.aborted && !this.#closed,
      arrived: deferred(),
    }
    if (subscriber.open) {
      this.#add(subscriber)
      this.#aborts.add(signal, subscriber.cancel)
    }
    return iterate(subscriber)
  }

  /** Ends all subscriptions. Later ones end immediately. */
  close(): void {
    this.#closed = true
    for (const subscriber of this.#subscribers()) subscriber.cancel()
  }

  #add(subscriber: Subscriber<V>): void {
    if (subscriber.collections === undefined) this.#all.add(subscriber)
    for (const name of subscriber.collections ?? []) {
      const set = this.#byCollection.get(name) ?? new Set()
      this.#byCollection.set(name, set.add(subscriber))
    }
  }

  #remove(subscriber: Subscriber<V>, signal: AbortSignal): void {
    this.#aborts.delete(signal, subscriber.cancel)
    this.#all.delete(subscriber)
    this.#affected.delete(subscriber)
    for (const name of subscriber.collections ?? []) {
      const set = this.#byCollection.get(name)
      if (set?.delete(subscriber) && set.size === 0) this.#byCollection.delete(name)
    }
    subscriber.open = false
    subscriber.arrived.resolve()
  }

  *#subscribersOf(collection: string): Iterable<Subscriber<V>> {
    yield* this.#all
    yield* this.#byCollection.get(collection) ?? []
  }

  #subscribers(): ReadonlySet<Subscriber<V>> {
    return new Set([...this.#all, ...[...this.#byCollection.values()].flatMap((set) => [...set])])
  }

  #flush(subscriber: Subscriber<V>, at: Position): void {
    const { pending, pendingBytes } = subscriber
    subscriber.pending = []
    subscriber.pendingBytes = 0
    if (pending.length === 0) return
    this.#enqueue(subscriber, { kind: 'changes', changes: pending, at }, pendingBytes)
  }

  /** A subscriber that is too far behind gets a reset in place of its queue, to bound memory. */
  #enqueue(subscriber: Subscriber<V>, notification: Notification<V>, bytes: number): void {
    const { queue, queuedBytes } = subscriber
    if (queue.length === 0 || queuedBytes + bytes <= this.#maxBytes) {
      queue.push({ notification, bytes })
      subscriber.queuedBytes += bytes
    } else {
      const reset = { kind: 'reset', reason: 'too-slow', at: notification.at } as const
      subscriber.queue = [{ notification: reset, bytes: CHANGE_BYTES }]
      subscriber.queuedBytes = CHANGE_BYTES
    }
    subscriber.arrived.resolve()
  }
}

/** A generator that was never started runs no `finally`, so `return` unsubscribes by itself. */
function iterate<V>(subscriber: Subscriber<V>): AsyncIterableIterator<Notification<V>> {
  const read = readAll(subscriber)
  return {
    next: () => read.next(),
    return: () => {
      subscriber.cancel()
      return read.return(undefined)
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

async function* readAll<V>(subscriber: Subscriber<V>): AsyncGenerator<Notification<V>, undefined> {
  while (subscriber.open) {
    for (let next = subscriber.queue.shift(); next !== undefined; next = subscriber.queue.shift()) {
      subscriber.queuedBytes -= next.bytes
      yield next.notification
      if (!subscriber.open) return
    }
    await subscriber.arrived.promise
    subscriber.arrived = deferred()
  }
}

interface Entry {
  readonly callbacks: Set<() => void>
  readonly listener: () => void
}

/**
 * Calls functions when a signal aborts, with one listener per signal: Node.js warns about a leak from the eleventh
 * listener on.
 */
class AbortCallbacks {
  readonly #bySignal = new WeakMap<AbortSignal, Entry>()

  add(signal: AbortSignal, callback: () => void): void {
    const known = this.#bySignal.get(signal)
    if (known !== undefined) {
      known.callbacks.add(callback)
      return
    }
    const callbacks = new Set([callback])
    const listener = (): void => {
      for (const each of callbacks) each()
    }
    this.#bySignal.set(signal, { callbacks, listener })
    signal.addEventListener('abort', listener, { once: true })
  }

  /** Idempotent. The last one removes the listener. */
  delete(signal: AbortSignal, callback: () => void): void {
    const entry = this.#bySignal.get(signal)
    if (!entry?.callbacks.delete(callback) || entry.callbacks.size > 0) return
    this.#bySignal.delete(signal)
    signal.removeEventListener('abort', entry.listener)
  }
}
