import type { Value } from '@freshet/cache'
import type { Position } from '@freshet/protocol'
import type { ChangedDocument, Notification, SubscribeOptions } from './contract.ts'
import { deferred, type Deferred } from './deferred.ts'

/** What a change costs a queue beside its document: the object, its key and its place. */
const CHANGE_BYTES = 256

interface Queued<V> {
  readonly notification: Notification<V>
  readonly bytes: number
}

/** One subscriber and what it has not taken yet. */
interface Subscriber<V> {
  readonly collections: readonly string[] | undefined
  /** Changes of the batch that is being applied. */
  pending: ChangedDocument<V>[]
  pendingBytes: number
  queue: Queued<V>[]
  queuedBytes: number
  open: boolean
  arrived: Deferred<void>
}

/**
 * Tells subscribers what changed. They are found by the collection of a change: one that is not concerned costs the feed
 * nothing.
 */
export class Subscriptions<V extends Value> {
  /** Those who hear of everything. */
  readonly #all = new Set<Subscriber<V>>()
  readonly #byCollection = new Map<string, Set<Subscriber<V>>>()
  /** Those with changes of the batch that is being applied. */
  readonly #affected = new Set<Subscriber<V>>()
  readonly #maxBytes: number
  readonly #sizeOf: (document: V) => number
  #closed = false

  /** @param maxBytes that one subscriber may be behind. */
  constructor(maxBytes: number, sizeOf: (document: V) => number) {
    this.#maxBytes = maxBytes
    this.#sizeOf = sizeOf
  }

  /** Whether somebody hears of this collection. */
  wants(collection: string): boolean {
    return this.#all.size > 0 || this.#byCollection.has(collection)
  }

  /** A change of the batch that is being applied; it is told by {@link flush}. */
  add(change: ChangedDocument<V>): void {
    const bytes = CHANGE_BYTES + ('document' in change ? this.#sizeOf(change.document) : 0)
    for (const subscriber of this.#subscribersOf(change.collection)) {
      subscriber.pending.push(change)
      subscriber.pendingBytes += bytes
      this.#affected.add(subscriber)
    }
  }

  /** Documents changed and nobody said which. @param collection the only one that it is about, if it is about one. */
  reset(reason: string, at: Position, collection?: string): void {
    const concerned = collection === undefined ? this.#subscribers() : this.#subscribersOf(collection)
    for (const subscriber of concerned) {
      // What is read anew need not be told.
      if (collection === undefined) subscriber.pending = []
      this.#flush(subscriber, at)
      this.#enqueue(subscriber, { kind: 'reset', reason, at }, CHANGE_BYTES)
    }
  }

  /** Tells what was added since, all of it at one position. */
  flush(at: Position): void {
    for (const subscriber of this.#affected) this.#flush(subscriber, at)
    this.#affected.clear()
  }

  /** Listens from this call on, not from the first `next`; ends when the signal aborts. */
  subscribe({ signal, collections }: SubscribeOptions): AsyncIterable<Notification<V>> {
    const subscriber: Subscriber<V> = {
      collections,
      pending: [],
      pendingBytes: 0,
      queue: [],
      queuedBytes: 0,
      open: !signal.aborted && !this.#closed,
      arrived: deferred(),
    }
    const leave = (): void => this.#remove(subscriber)
    if (subscriber.open) {
      this.#add(subscriber)
      signal.addEventListener('abort', leave, { once: true })
    }
    return this.#read(subscriber, signal, leave)
  }

  /** Ends all iterations; who listens later hears nothing. */
  close(): void {
    this.#closed = true
    for (const subscriber of this.#subscribers()) this.#remove(subscriber)
  }

  #add(subscriber: Subscriber<V>): void {
    if (subscriber.collections === undefined) this.#all.add(subscriber)
    for (const name of subscriber.collections ?? []) {
      const set = this.#byCollection.get(name) ?? new Set()
      this.#byCollection.set(name, set.add(subscriber))
    }
  }

  #remove(subscriber: Subscriber<V>): void {
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

  /** One that is too slow loses its queue and hears that it must read everything anew: memory stays bounded. */
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

  async *#read(
    subscriber: Subscriber<V>,
    signal: AbortSignal,
    leave: () => void,
  ): AsyncGenerator<Notification<V>> {
    try {
      while (subscriber.open) {
        for (let next = subscriber.queue.shift(); next !== undefined; next = subscriber.queue.shift()) {
          subscriber.queuedBytes -= next.bytes
          yield next.notification
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
