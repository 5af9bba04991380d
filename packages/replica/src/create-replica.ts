import { Cache, type CacheOptions, type Value } from '@freshet/cache'
import { Follower, type ChangeSource } from '@freshet/change-stream'
import type { Encoder, Replica } from './contract.ts'
import { ExactReplica, type ReplicaBase, type ReplicaParts } from './replica.ts'

export interface SourceReplicaParts<V extends Value> extends Omit<ReplicaBase<V>, 'wallTimeMs'> {
  readonly source: ChangeSource
  /** Runs when the replica has stopped: source and reads are not used any more. */
  readonly ended?: () => Promise<void>
}

/** The part of the budget that is for documents which were just written and not read yet. */
const recentShare = 1 / 16

/** A replica over a source and reads that the caller opens and closes. Call `start` next. */
export function createReplica<V extends Value>(parts: SourceReplicaParts<V>): Replica<V> {
  return new ExactReplica(replicaParts(parts))
}

/** What a replica over a source is put together from. */
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
    // After the callbacks of this turn of the event loop: what they ask for goes into one read.
    defer: setImmediate,
  }
}

/** Where nothing can be read everything is held, and nothing needs a second chance. */
function cacheBudget<V extends Value>(
  partial: boolean,
  cacheBytes: number,
  { encode }: Encoder<V>,
): Pick<CacheOptions<V>, 'maxBytes' | 'recent' | 'complete'> {
  if (!partial) return { maxBytes: cacheBytes, complete: true }
  const recent = { maxBytes: cacheBytes * recentShare, encode }
  return { maxBytes: cacheBytes - recent.maxBytes, recent }
}
