import { ChangeStreamError, type Batch, type Origin, type Sink } from '@freshet/change-stream'
import type { Cache, Loss, Value } from '@freshet/cache'
import type { Log } from '@freshet/kit'
import type { Change, Id, Position, Upsert } from '@freshet/protocol'
import type { Encoder } from './contract.ts'
import type { Refresher } from './refresher.ts'
import type { ServedCollections } from './served-collections.ts'
import type { Subscriptions } from './subscriptions.ts'
import type { Watermark } from './watermark.ts'

export interface FeedParts<V extends Value> {
  readonly cache: Cache<V>
  readonly encoder: Encoder<V>
  readonly watermark: Watermark
  readonly collections: ServedCollections
  readonly subscriptions: Subscriptions<V>
  readonly log: Log
  /** Called when reads may be sent again. */
  readonly resume: () => void
  readonly refresher: Pick<Refresher<V>, 'add' | 'clear'>
}

/** Applies what the follower receives from the source. Every method is synchronous, so readers never see it half done. */
export class Feed<V extends Value> implements Sink {
  readonly #parts: FeedParts<V>
  readonly #resyncs: Record<string, number> = {}
  #reopens = 0
  #changesApplied = 0
  #lostBy = 'start'
  #brokenBy: string | undefined

  constructor(parts: FeedParts<V>) {
    this.#parts = parts
  }

  get reopens(): number {
    return this.#reopens
  }

  get brokenBy(): string | undefined {
    return this.#brokenBy
  }

  get resyncs(): Readonly<Record<string, number>> {
    return { ...this.#resyncs }
  }

  get changesApplied(): number {
    return this.#changesApplied
  }

  /** Starts a new epoch at `origin`. Clears the cache and moves W in one turn, or old entries would count as current. */
  begin(origin: Origin): void {
    const { cache, watermark, collections, subscriptions, refresher, log } = this.#parts
    const reason = this.#lostBy
    this.#resyncs[reason] = (this.#resyncs[reason] ?? 0) + 1
    cache.newEpoch()
    refresher.clear()
    watermark.begin(origin)
    collections.recheckAll()
    subscriptions.reset(reason, watermark.at)
    log.info({ source: origin.source, at: origin.at, epoch: cache.epoch, reason }, 'a new epoch begins')
  }

  /**
   * Applies all changes of complete positions, moves W, then wakes its waiters.
   * @throws {ChangeStreamError} TOO_LARGE, CONTENT_UNKNOWN: a complete cache is no longer complete.
   */
  apply(batch: Batch): void {
    const { cache, watermark, subscriptions } = this.#parts
    this.#brokenBy = undefined
    // After a new epoch the feed may start before W. Nothing is served then, and subscribers must not get changes twice.
    const old = watermark.isBehind(batch)
    for (const change of batch.changes) this.#change(change, old ? undefined : batch.through)
    if (cache.loss !== undefined) throw new ChangeStreamError(cache.loss, lossMessages[cache.loss])
    const served = watermark.serving
    watermark.advance(batch)
    if (old) return
    this.#changesApplied += batch.changes.length
    subscriptions.flush(batch.through)
    if (!served && watermark.serving) this.#parts.resume()
  }

  /** The feed was interrupted. The follower reopens it. */
  broken(error: Error): void {
    const code = error instanceof ChangeStreamError ? error.code : 'UNKNOWN'
    this.#reopens += 1
    this.#brokenBy = code
    this.#parts.watermark.refuse(error instanceof ChangeStreamError && !error.retry)
    if (error instanceof ChangeStreamError && error.lost) {
      this.#lostBy = code
      this.#parts.watermark.lost(code)
    } else this.#parts.watermark.silent()
    this.#parts.log.warn({ code, err: error }, 'the feed was interrupted')
  }

  /** As after a change of the definition, now. */
  redefined(collection: string): void {
    this.#redefined(collection, this.#parts.watermark.at)
  }

  /** @param at the position to notify subscribers with; `undefined` if they already have the change. */
  #change(change: Change, at: Position | undefined): void {
    const { cache, subscriptions } = this.#parts
    switch (change.kind) {
      case 'upsert':
        return this.#upsert(change, at !== undefined && subscriptions.wants(change.collection))
      case 'delete':
        cache.delete(`${change.collection}/${change.id}`)
        if (at !== undefined) subscriptions.add(change)
        return
      case 'invalidate':
        this.#invalidate(change.collection, change.id, at !== undefined)
        if (at !== undefined) subscriptions.add(change)
        return
      case 'drop-collection':
        cache.emptyCollection(change.collection)
        if (at !== undefined) subscriptions.reset(change.kind, at, change.collection)
        return
      case 'invalidate-collection':
        return this.#redefined(change.collection, at)
      case 'invalidate-all':
        cache.invalidateAll()
        if (at !== undefined) subscriptions.reset(change.kind, at)
    }
  }

  #redefined(collection: string, at: Position | undefined): void {
    const { cache, collections, subscriptions } = this.#parts
    cache.invalidateCollection(collection)
    collections.recheck(collection)
    if (at !== undefined) subscriptions.reset('invalidate-collection', at, collection)
  }

  #invalidate(collection: string, id: Id, current: boolean): void {
    const { cache, refresher } = this.#parts
    const key = `${collection}/${id}`
    const used = current && cache.isUsed(key)
    cache.invalidate(key)
    if (used) refresher.add(collection, id)
  }

  #upsert(change: Upsert, notify: boolean): void {
    const { cache, subscriptions } = this.#parts
    const { collection, id, document: bytes } = change
    const key = `${collection}/${id}`
    const wanted = cache.wants(key)
    if (!wanted && !notify) return cache.putRecent(key, bytes)
    const document = this.#encode(key, bytes)
    if (document === undefined) cache.invalidate(key)
    else if (wanted) cache.upsert(key, document)
    else cache.putRecent(key, bytes)
    if (!notify) return
    const cause = change.cause && { cause: change.cause }
    if (document === undefined) subscriptions.add({ kind: 'invalidate', collection, id, ...cause })
    else subscriptions.add({ kind: 'upsert', collection, id, document, ...cause })
  }

  /** `undefined` if encoding fails. The batch continues, and the next read of the document reports the error. */
  #encode(key: string, document: Uint8Array): V | undefined {
    try {
      return this.#parts.encoder.encode(document)
    } catch (error) {
      this.#parts.log.error({ key, err: error }, 'a document could not be encoded')
      return undefined
    }
  }
}

const lossMessages: Readonly<Record<Loss, string>> = {
  TOO_LARGE: 'the documents of the declared collections exceed `cacheBytes`',
  CONTENT_UNKNOWN: 'a document changed without content in the feed, or could not be encoded',
}
