import { Cache, type CacheOptions, type Value } from '@freshet/cache'
import { Follower, type ChangeSource, type SourceReads } from '@freshet/change-stream'
import type { ByteBudget, Clock, Log } from '@freshet/kit'
import type { CollectionPlace, Position } from '@freshet/protocol'
import type { Encoder, Replica } from './contract.ts'
import type { Feed } from './feed.ts'
import type { ReplicaOptions } from './options.ts'
import { ExactReplica } from './replica.ts'

/** Delivers the source's changes to the feed. */
export interface FollowerHandle {
  start(): void
  /** Resolves when the feed will not be called again. */
  stop(): Promise<void>
}

/** The parts of every replica, wherever its changes come from. */
interface ReplicaBase<V extends Value> {
  /** Missing for a log, whose documents are all cached. */
  readonly reads?: SourceReads
  /** The source's clock at a position; see `ChangeSource`. */
  readonly wallTimeMs: (position: Position) => number | undefined
  readonly collections: ReadonlyMap<string, CollectionPlace>
  readonly encoder: Encoder<V>
  readonly options: ReplicaOptions
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly log: Log
  /** For memory outside the cache. Default: a separate budget of `inFlightBytes`. */
  readonly budget?: ByteBudget
}

export interface ReplicaParts<V extends Value> extends ReplicaBase<V> {
  readonly cache: Cache<V>
  readonly follow: (feed: Feed<V>) => FollowerHandle
  readonly defer: (run: () => void) => void
}

export interface SourceReplicaParts<V extends Value> extends Omit<ReplicaBase<V>, 'wallTimeMs'> {
  readonly source: ChangeSource
  /** Called after the replica has stopped and no longer uses source and reads. */
  readonly ended?: () => Promise<void>
}

/** The share of the cache budget for documents that were just written and not read yet. */
const recentShare = 1 / 16

/** Creates a replica. The caller opens and closes the source and its reads. Call `start` next. */
export function createReplica<V extends Value>(parts: SourceReplicaParts<V>): Replica<V> {
  return new ExactReplica(replicaParts(parts))
}

/** The parts of a replica over a source. */
export function replicaParts<V extends Value>(parts: SourceReplicaParts<V>): ReplicaParts<V> {
  const { source, encoder, options, clock, random } = parts
  return {
    ...parts,
    wallTimeMs: (position) => source.wallTimeMs(position),
    cache: new Cache({
      ...cacheBudget(parts.reads !== undefined, options.cacheBytes, encoder),
      sizeOf: encoder.sizeOf,
    }),
    follow: (sink) => {
      const follower = new Follower({ source, sink, clock, random })
      const stop = async (): Promise<void> => {
        await follower.stop()
        await parts.ended?.()
      }
      return { start: () => follower.start(), stop }
    },
    // After the callbacks of this event-loop turn, so that their fills share one read.
    defer: setImmediate,
  }
}

/** Without point reads the cache is complete and needs no recent documents. */
function cacheBudget<V extends Value>(
  partial: boolean,
  cacheBytes: number,
  { encode }: Encoder<V>,
): Pick<CacheOptions<V>, 'maxBytes' | 'recent' | 'complete'> {
  if (!partial) return { maxBytes: cacheBytes, complete: true }
  const recent = { maxBytes: cacheBytes * recentShare, encode }
  return { maxBytes: cacheBytes - recent.maxBytes, recent }
}
