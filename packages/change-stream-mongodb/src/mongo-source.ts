import type { ChangeSource, SourceReads } from '@freshet/change-stream'
import type { ReadConnection } from '@freshet/guard'
import type { Clock } from '@freshet/kit'
import type { CollectionPlace } from '@freshet/protocol'
import type { IdentityRule } from './identity.ts'
import { defaultMongoSourceOptions } from './options.ts'
import { MongoReads, type FollowedServer } from './reads.ts'
import { MongoSource } from './source.ts'

export interface MongoConnections {
  /** Used only by the change stream, so that slow reads do not block it. May be the same as `reads`. */
  readonly feed: ReadConnection
  readonly reads: ReadConnection
  /** Other connections of the same user, checked together with these two. */
  readonly others?: readonly ReadConnection[]
  readonly collections: ReadonlyMap<string, CollectionPlace>
  readonly identity: IdentityRule
  readonly clock: Clock
  /** Default: 0, each change as soon as possible. See `MongoSourceOptions`. */
  readonly batchEveryMs?: number
}

/**
 * The feed of a MongoDB database and its reads. Both accept replies only from the same server process, `followed`, which
 * other snapshot reads must check too.
 */
export function mongoSource({ feed, reads, others = [], batchEveryMs = 0, ...shared }: MongoConnections): {
  readonly source: ChangeSource
  readonly reads: SourceReads
  readonly followed: FollowedServer
} {
  const parts = { ...shared, options: { ...defaultMongoSourceOptions, batchEveryMs } }
  const checked = [...(reads === feed ? [] : [reads]), ...others]
  const prove = async (): Promise<void> => void (await Promise.all(checked.map((one) => one.prove())))
  const source = new MongoSource({ ...parts, connection: feed, alsoCheck: { prove } })
  return {
    source,
    followed: source.followed,
    reads: new MongoReads({ ...parts, connection: reads, followed: source.followed }),
  }
}
