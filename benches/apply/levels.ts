import { ABSENT, Cache } from '@freshet/cache'
import { defaultMongoSourceOptions } from '@freshet/change-stream-mongodb'
import { mongodbCodec } from '@freshet/documents-mongodb'
import { systemClock, type Log } from '@freshet/kit'
import { parseSourceId, positionOf } from '@freshet/protocol'
import { documentEncoder, representationOf, type CachedDocument } from '@freshet/reader'
import { defaultReplicaOptions } from '@freshet/replica'
import { BSON } from 'mongodb'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { collection, seconds, tokenOf, type StoredEvent } from './events.ts'
import { ExactReplica, BatchAssembler, WatchList, type Feed } from './internals.ts'

const silent = (): void => undefined
const log: Log = { debug: silent, info: silent, warn: silent, error: silent }

const encoder = documentEncoder(mongodbCodec.encode)
const { cacheBytes } = defaultReplicaOptions
const unasked = (): Promise<never> => Promise.reject(new Error('nothing is read from a database here'))

/** A reader's replica without its database: changes are passed to it directly. */
export class FedReplica {
  readonly #cache = new Cache<CachedDocument>({
    maxBytes: (cacheBytes * 15) / 16,
    recent: { maxBytes: cacheBytes / 16, encode: encoder.encode },
    sizeOf: encoder.sizeOf,
  })
  readonly #replica: ExactReplica<CachedDocument>
  #feed: Feed<CachedDocument> | undefined
  readonly #assembler = new BatchAssembler({
    from: positionOf(seconds, 0),
    watchList: new WatchList(new Map([[collection, 'string']])),
    singlePositions: true,
    maxOpenBytes: defaultMongoSourceOptions.maxOpenBytes,
  })

  constructor() {
    this.#replica = new ExactReplica({
      reads: {
        read: unasked,
        head: unasked,
        check: () => Promise.resolve(new Map([[collection, undefined]])),
      },
      wallTimeMs: () => undefined,
      collections: new Map([[collection, 'string']]),
      encoder,
      options: defaultReplicaOptions,
      clock: systemClock,
      random: Math.random,
      log,
      cache: this.#cache,
      follow: (feed) => {
        this.#feed = feed
        return { start: silent, stop: () => Promise.resolve() }
      },
      defer: setImmediate,
    })
  }

  async begin(held: readonly StoredEvent[]): Promise<void> {
    const source = parseSourceId('01234567')
    if (source === undefined) throw new Error('no source')
    const live = this.#replica.start()
    this.#feed?.begin({ source, at: positionOf(seconds, 0) })
    const operationTime = { high: seconds, low: 1 }
    const opening = { events: [], token: tokenOf(1, 'mark'), operationTime, ended: false }
    this.#feed?.apply(this.#assembler.opened({ ...opening, sentAt: systemClock.now() }).batch)
    this.applyReady([], 1)
    await live
    for (const { key, change } of held)
      if (change.kind === 'upsert')
        this.#cache.install(this.#cache.beginFill(key), encoder.encode(change.document))
    // Nothing is served before the collections were checked.
    while (held[0] && this.#replica.peek(held[0].key) === undefined) await nextTurn()
  }

  /** Decoded changes; `increment` is the time of the last one. */
  applyReady(events: readonly StoredEvent[], increment: number): void {
    const now = systemClock.now()
    const changes = events.map(({ change }) => change)
    this.#feed?.apply({ changes, through: positionOf(seconds, increment), provedAt: now, aliveAt: now })
  }

  /** A server reply with these events. */
  applyRaw(events: readonly StoredEvent[], increment: number): void {
    const reply = {
      events: events.map(({ bytes }) => bytes),
      token: tokenOf(increment, 'event'),
      operationTime: { high: seconds, low: increment },
      ended: false,
      sentAt: systemClock.now(),
    }
    this.#feed?.apply(this.#assembler.next(reply).batch)
  }

  get applied(): number {
    return this.#replica.status().changesApplied
  }

  /** The cached answer, or the recent document that passed by; otherwise `undefined`. */
  textOf(key: string): string | undefined {
    const held = this.#replica.peek(key)
    if (held !== undefined && held !== ABSENT) return representationOf(held).body.toString('latin1')
    const passed = this.#cache.getRecent(key)
    return passed && mongodbCodec.encode(passed).json.toString('latin1')
  }
}

/** The minimum of a hand-written `watch`: parses each event into objects and stores the document under its id. */
export class PlainMap {
  readonly documents = new Map<unknown, unknown>()
  applied = 0

  apply(events: readonly StoredEvent[]): void {
    for (const { bytes } of events) {
      const event = BSON.deserialize(bytes)
      this.documents.set(event['documentKey']._id, event['fullDocument'])
    }
    this.applied += events.length
  }
}
