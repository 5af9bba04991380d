import { Cache, type Value } from '@freshet/cache'
import { Follower } from '@freshet/change-stream'
import {
  defaultMongoSourceOptions,
  MongoPastReads,
  MongoSource,
  type IdentityRule,
} from '@freshet/change-stream-mongodb'
import type { ReadConnection } from '@freshet/guard'
import type { ByteBudget, Clock, Log } from '@freshet/kit'
import type { CollectionPlace } from '@freshet/protocol'
import type { Presentation, Replica } from './contract.ts'
import type { ReplicaOptions } from './options.ts'
import { ExactReplica, type ReplicaParts } from './replica.ts'

export interface MongoReplicaParts<V extends Value> {
  /** For the change stream alone: a slow read must not hold it up. May be the same as `reads`. */
  readonly feed: ReadConnection
  readonly reads: ReadConnection
  readonly collections: ReadonlyMap<string, CollectionPlace>
  readonly identity: IdentityRule
  readonly presentation: Presentation<V>
  readonly options: ReplicaOptions
  /** For what is held beside the cache; default: one of its own, of `inFlightBytes`. */
  readonly budget?: ByteBudget
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly log: Log
  /** Runs when the replica has stopped: the connections are not used any more. */
  readonly ended?: () => Promise<void>
}

/** The part of the budget that is for documents which were just written and not read yet. */
const recentShare = 1 / 16

/** A replica of one MongoDB database over connections that the caller opens and closes. Call `start` next. */
export function mongoReplica<V extends Value>(parts: MongoReplicaParts<V>): Replica<V> {
  return new ExactReplica(replicaParts(parts))
}

/** What a replica of a MongoDB database is put together from. */
export function replicaParts<V extends Value>(parts: MongoReplicaParts<V>): ReplicaParts<V> {
  const { feed, reads, collections, identity, presentation, options, clock, random } = parts
  const mongo = { collections, identity, clock, options: defaultMongoSourceOptions }
  const source = new MongoSource({ ...mongo, connection: feed, ...(reads !== feed && { beside: reads }) })
  return {
    ...parts,
    past: new MongoPastReads({ ...mongo, connection: reads, followed: source.followed }),
    cache: new Cache({
      maxBytes: options.cacheBytes * (1 - recentShare),
      recentBytes: options.cacheBytes * recentShare,
      sizeOf: presentation.sizeOf,
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
