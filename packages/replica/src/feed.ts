import { ChangeStreamError, type Batch, type Origin, type Sink } from '@freshet/change-stream'
import type { Cache, Loss, Value } from '@freshet/cache'
import type { Log } from '@freshet/kit'
import type { Change, DocumentChange } from '@freshet/protocol'
import type { ChangedKey, Encoder } from './contract.ts'
import type { ServedCollections } from './served-collections.ts'
import type { Subscriptions } from './subscriptions.ts'
import type { Watermark } from './watermark.ts'

export interface FeedParts<V extends Value> {
  readonly cache: Cache<V>
  readonly encoder: Encoder<V>
  readonly watermark: Watermark
  readonly collections: ServedCollections
  readonly subscriptions: Subscriptions
  readonly log: Log
  /** Reads may be sent (again). */
  readonly resume: () => void
}

/** Where the follower of the source puts what it hears. Every method is one turn: readers see before or after. */
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

  /** A new epoch from `origin` on. Forgetting and moving W is one turn: between them old entries would count as new. */
  begin(origin: Origin): void {
    const { cache, watermark, collections, subscriptions, log } = this.#parts
    const reason = this.#lostBy
    this.#resyncs[reason] = (this.#resyncs[reason] ?? 0) + 1
    cache.newEpoch()
    watermark.begin(origin)
    collections.askAll()
    subscriptions.reset(reason, watermark.at)
    log.info({ source: origin.source, at: origin.at, epoch: cache.epoch, reason }, 'a new epoch begins')
  }

  /**
   * All changes of whole positions, then W, then those who waited for it.
   * @throws {ChangeStreamError} TOO_LARGE, CONTENT_UNKNOWN: a cache that must hold everything does not any more.
   */
  apply(batch: Batch): void {
    const { cache, watermark, subscriptions } = this.#parts
    this.#brokenBy = undefined
    for (const change of batch.changes) this.#change(change)
    if (cache.loss !== undefined) throw new ChangeStreamError(cache.loss, lossWords[cache.loss])
    // After a new epoch the feed may start before W. Nothing is given out then, and nothing may be told twice.
    const old = watermark.isOld(batch)
    const served = watermark.serving
    watermark.advance(batch)
    if (old) return
    this.#changesApplied += batch.changes.length
    if (subscriptions.wanted && batch.changes.length > 0) this.#tell(batch)
    if (!served && watermark.serving) this.#parts.resume()
  }

  /** The feed broke; the follower goes on by itself. */
  broken(error: Error): void {
    const code = error instanceof ChangeStreamError ? error.code : 'UNKNOWN'
    this.#reopens += 1
    this.#brokenBy = code
    if (error instanceof ChangeStreamError && error.lost) {
      this.#lostBy = code
      this.#parts.watermark.lost(code)
    } else this.#parts.watermark.silent()
    this.#parts.log.warn({ code, err: error }, 'the feed broke')
  }

  #change(change: Change): void {
    const { cache } = this.#parts
    switch (change.kind) {
      case 'upsert': {
        const key = `${change.collection}/${change.id}`
        if (cache.wants(key)) this.#upsert(key, change.document)
        else cache.pass(key, change.document)
        return
      }
      case 'delete':
        return cache.delete(`${change.collection}/${change.id}`)
      case 'invalidate':
        return cache.invalidate(`${change.collection}/${change.id}`)
      case 'drop-collection':
        return cache.dropCollection(change.collection)
      case 'invalidate-collection':
        cache.invalidateCollection(change.collection)
        return this.#parts.collections.ask(change.collection)
      case 'invalidate-all':
        return cache.invalidateAll()
    }
  }

  #upsert(key: string, document: Uint8Array): void {
    const { cache, encoder, log } = this.#parts
    try {
      cache.upsert(key, encoder.encode(document))
    } catch (error) {
      // The rest of the batch must be applied whatever happens; the next read of this document tells its caller.
      log.error({ key, err: error }, 'the encoder of a document threw')
      cache.invalidate(key)
    }
  }

  #tell(batch: Batch): void {
    const { subscriptions } = this.#parts
    let keys: ChangedKey[] = []
    const flush = (): void => {
      if (keys.length > 0) subscriptions.tell({ kind: 'changes', keys, at: batch.through })
      keys = []
    }
    for (const change of batch.changes) {
      if ('id' in change) keys.push(keyOf(change))
      else {
        flush()
        subscriptions.reset(
          change.kind,
          batch.through,
          'collection' in change ? change.collection : undefined,
        )
      }
    }
    flush()
  }
}

const lossWords: Readonly<Record<Loss, string>> = {
  TOO_LARGE: 'the documents of the declared collections need more than `cacheBytes`',
  CONTENT_UNKNOWN: 'a document changed and the feed did not say into what, or it could not be encoded',
}

function keyOf({ collection, id, cause }: DocumentChange): ChangedKey {
  return cause === undefined ? { collection, id } : { collection, id, cause }
}
