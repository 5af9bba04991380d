import { Cache, type CacheOptions } from '@freshet/cache'
import { Follower } from '@freshet/change-stream'
import {
  defaultMongoSourceOptions,
  MongoReads,
  mongoSource,
  MongoSource,
  type MongoConnections,
  type MongoSourceOptions,
} from '@freshet/change-stream-mongodb'
import { openReadConnection, type ReadConnection } from '@freshet/guard'
import { systemClock } from '@freshet/kit'
import type { CollectionPlace } from '@freshet/protocol'
import { silentLog, type TestDatabase } from '@freshet/testkit'
import type { Replica } from '../../../src/contract.ts'
import { asParsed, type Parsed } from './parsed.ts'
import { createReplica, type SourceReplicaParts } from '../../../src/create-replica.ts'
import { defaultReplicaOptions, type ReplicaOptions } from '../../../src/options.ts'
import { ExactReplica } from '../../../src/replica.ts'
import type { FeedSide } from '../bench.ts'

/** What a test may want otherwise than the product has it. */
export interface OpenReplicaOptions {
  /** Where the feed goes; the reads too, unless they have an address of their own. */
  readonly uri?: string
  readonly readsUri?: string
  /** With the type of their ids; `products` by default. */
  readonly collections?: Readonly<Record<string, CollectionPlace>>
  readonly options?: Partial<ReplicaOptions>
  /** Stands between the feed and the server. */
  readonly wrapFeed?: (connection: ReadConnection) => ReadConnection
  /** Stands between the follower and the replica. */
  readonly wrapSink?: (feed: FeedSide) => FeedSide
  /** Stands between the reads and the server. */
  readonly wrapReads?: (connection: ReadConnection) => ReadConnection
  /** Other limits of the feed than the product's. */
  readonly source?: Partial<MongoSourceOptions>
  /** Other rules than the product's, with the product's own parts around them. */
  readonly cache?: (options: CacheOptions<Parsed>) => Cache<Parsed>
}

/** The names that the replica's two connections give to the server. */
export const appNames = { feed: 'replica-feed', reads: 'replica-reads' } as const

/** Collections with texts as ids. */
export function strings(...names: readonly string[]): Readonly<Record<string, CollectionPlace>> {
  return Object.fromEntries(names.map((name) => [name, 'string']))
}

const same = (connection: ReadConnection): ReadConnection => connection

/** The product's replica over a test's database, with the reader's own user; live when this settles. */
export async function openReplica(
  db: TestDatabase,
  given: OpenReplicaOptions = {},
): Promise<Replica<Parsed>> {
  const { uri = db.uriFor('reader'), readsUri = uri, wrapFeed = same, wrapReads = same } = given
  const common = { database: db.database, log: silentLog }
  const feed = await openReadConnection({ ...common, uri, appName: appNames.feed })
  const reads = await openReadConnection({ ...common, uri: readsUri, appName: appNames.reads })
  const collections = new Map(Object.entries(given.collections ?? { products: 'string' as const }))
  const connections: MongoConnections = {
    feed: wrapFeed(feed),
    reads: wrapReads(reads),
    collections,
    identity: { kind: 'control' },
    clock: systemClock,
  }
  const parts: SourceReplicaParts<Parsed> = {
    ...mongoSource(connections),
    collections,
    encoder: asParsed,
    options: { ...defaultReplicaOptions, ...given.options },
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    ended: async () => {
      await Promise.all([feed.close(), reads.close()])
    },
  }
  const different = given.cache !== undefined || given.source !== undefined || given.wrapSink !== undefined
  const replica = different ? putTogether(parts, connections, given) : createReplica(parts)
  await replica.start()
  return replica
}

/** Put together as `createReplica` does it, around other rules or limits. */
function putTogether(
  parts: SourceReplicaParts<Parsed>,
  connections: MongoConnections,
  given: OpenReplicaOptions,
): Replica<Parsed> {
  const { options, encoder, clock, random } = parts
  const { cache = (rules) => new Cache(rules) } = given
  const mongo = { ...connections, options: { ...defaultMongoSourceOptions, ...given.source } }
  const source = new MongoSource({ ...mongo, connection: connections.feed })
  return new ExactReplica({
    ...parts,
    wallTimeMs: (position) => source.wallTimeMs(position),
    reads: new MongoReads({ ...mongo, connection: connections.reads, followed: source.followed }),
    cache: cache({ maxBytes: options.cacheBytes, sizeOf: encoder.sizeOf }),
    follow: (feed) => {
      const sink = given.wrapSink?.(feed) ?? feed
      const follower = new Follower({ source, sink, clock, random })
      const stop = async (): Promise<void> => {
        await follower.stop()
        await parts.ended?.()
      }
      return { start: () => follower.start(), stop }
    },
    defer: setImmediate,
  })
}
