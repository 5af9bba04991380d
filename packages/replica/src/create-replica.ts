import { Cache, type CacheOptions, type Value } from '@freshet/cache'
import { Follower, type ChangeSource } from '@freshet/change-stream'
import type { Encoder, Replica } from './contract.ts'
import type { ReplicaBase, ReplicaParts } from './parts.ts'
import { ExactReplica } from './replica.ts'

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
