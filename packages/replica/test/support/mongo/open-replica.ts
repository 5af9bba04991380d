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

/** Test-specific deviations from the product. */
export interface OpenReplicaOptions {
  /** The address of the feed, and of the reads unless they have their own. */
  readonly uri?: string
  readonly readsUri?: string
  /** Collections with their id types. Default: `products`. */
  readonly collections?: Readonly<Record<string, CollectionPlace>>
  readonly options?: Partial<ReplicaOptions>
  /** Wraps the feed's connection. */
  readonly wrapFeed?: (connection: ReadConnection) => ReadConnection
  /** Wraps the sink of the follower. */
  readonly wrapSink?: (feed: FeedSide) => FeedSide
  /** Wraps the reads. */
  readonly wrapReads?: (connection: ReadConnection) => ReadConnection
  /** Limits of the feed that differ from the product's. */
  readonly source?: Partial<MongoSourceOptions>
  /** A replacement for the product's cache. */
  readonly cache?: (options: CacheOptions<Parsed>) => Cache<Parsed>
}

/** The application names of the replica's two connections. */
export const appNames = { feed: 'replica-feed', reads: 'replica-reads' } as const

/** Collections with string ids. */
export function strings(...names: readonly string[]): Readonly<Record<string, CollectionPlace>> {
  return Object.fromEntries(names.map((name) => [name, 'string']))
}

const same = (connection: ReadConnection): ReadConnection => connection

/** The product's replica over a test database, with the reader's user. Resolves when it is live. */
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

/** Assembled like `createReplica`, with a different cache or limits. */
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
