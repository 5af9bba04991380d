import { bufferBytes, Cache, ENTRY_OVERHEAD_BYTES, ownBuffer, type CacheOptions } from '@freshet/cache'
import { Follower, type ChangeSource, type SourceReads } from '@freshet/change-stream'
import { systemClock, type Log } from '@freshet/kit'
import { defaultReplicaOptions } from '../../src/options.ts'
import { ExactReplica } from '../../src/replica.ts'
import { silentLog, type FeedSide } from './bench.ts'
import { DelayedReads, DelayedSource } from './delays.ts'
import type { Random } from './random.ts'
import { idTypes } from './stress-documents.ts'

/** How a stress run deviates from the product, whatever the database. */
export interface StressVariant {
  readonly cache?: (options: CacheOptions<Buffer>) => Cache<Buffer>
  readonly reads?: (inner: SourceReads) => SourceReads
  readonly source?: (inner: ChangeSource) => ChangeSource
  readonly wrapFeed?: (feed: FeedSide) => FeedSide
}

export interface StressReplicaParts {
  readonly source: ChangeSource
  readonly reads: SourceReads
  readonly variant: StressVariant
  readonly random: Random
  readonly log?: Log
  /** The size of a document as it is cached. The cache holds about a quarter of all documents. */
  readonly documentBytes: number
}

/** The product's replica with a small cache, over a source whose changes and reads are delayed at random. */
export function stressReplica(parts: StressReplicaParts): ExactReplica<Buffer> {
  const { variant, random, documentBytes } = parts
  const cacheOptions: CacheOptions<Buffer> = {
    maxBytes: 45 * (ENTRY_OVERHEAD_BYTES + documentBytes),
    recent: { maxBytes: 10 * (ENTRY_OVERHEAD_BYTES + 300), encode: ownBuffer },
    sizeOf: bufferBytes,
  }
  const reads = new DelayedReads(variant.reads?.(parts.reads) ?? parts.reads, random)
  const source = new DelayedSource(variant.source?.(parts.source) ?? parts.source, random)
  return new ExactReplica<Buffer>({
    reads,
    wallTimeMs: (position) => source.wallTimeMs(position),
    collections: idTypes,
    encoder: { encode: ownBuffer, sizeOf: bufferBytes },
    options: defaultReplicaOptions,
    clock: systemClock,
    random: random.next,
    log: parts.log ?? silentLog,
    cache: variant.cache?.(cacheOptions) ?? new Cache(cacheOptions),
    follow: (feed) =>
      new Follower({
        source,
        sink: variant.wrapFeed?.(feed) ?? feed,
        clock: systemClock,
        random: random.next,
      }),
    defer: setImmediate,
  })
}
