import type { ChangeSource, SourceReads } from '@freshet/change-stream'
import type { ReadConnection } from '@freshet/guard'
import type { Clock } from '@freshet/kit'
import type { CollectionPlace } from '@freshet/protocol'
import type { IdentityRule } from './identity.ts'
import { defaultMongoSourceOptions } from './options.ts'
import { MongoReads } from './reads.ts'
import { MongoSource } from './source.ts'

export interface MongoConnections {
  /** Used only by the change stream, so that slow reads do not block it. May be the same as `reads`. */
  readonly feed: ReadConnection
  readonly reads: ReadConnection
  readonly collections: ReadonlyMap<string, CollectionPlace>
  readonly identity: IdentityRule
  readonly clock: Clock
}

/** The feed of a MongoDB database and its reads. Both accept replies only from the same server process. */
export function mongoSource({ feed, reads, ...shared }: MongoConnections): {
  readonly source: ChangeSource
  readonly reads: SourceReads
} {
  const parts = { ...shared, options: defaultMongoSourceOptions }
  const source = new MongoSource({ ...parts, connection: feed, ...(reads !== feed && { alsoCheck: reads }) })
  return {
    source,
    reads: new MongoReads({ ...parts, connection: reads, followed: source.followed }),
  }
}
