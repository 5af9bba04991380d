import { openReadConnection, type GuardedConnection, type ReadConnection } from '@freshet/guard'
import { systemClock } from '@freshet/kit'
import type { IdType } from '@freshet/protocol'
import { silentLog, type TestDatabase } from '@freshet/testkit'
import {
  defaultMongoSourceOptions,
  type EventOptions,
  type IdentityRule,
  MongoReads,
  MongoSource,
  type MongoSourceOptions,
  type MongoSourceParts,
} from '../../src/index.ts'

export interface OpenedSource extends AsyncDisposable {
  readonly source: MongoSource
  readonly reads: MongoReads
  readonly connection: GuardedConnection
  readonly parts: MongoSourceParts
}

export interface OpenSourceOptions {
  readonly uri?: string
  readonly options?: Partial<MongoSourceOptions>
  readonly collections?: ReadonlyMap<string, IdType>
  readonly identity?: IdentityRule
  readonly events?: EventOptions
  /** Sits between the source and the server. */
  readonly wrap?: (connection: ReadConnection) => ReadConnection
}

/** The production source over a test database, with the reader's own user. */
export async function openSource(db: TestDatabase, given: OpenSourceOptions = {}): Promise<OpenedSource> {
  const connection = await openReadConnection({
    uri: given.uri ?? db.uriFor('reader'),
    database: db.database,
    appName: 'test',
    log: silentLog,
  })
  const parts: MongoSourceParts = {
    connection: given.wrap?.(connection) ?? connection,
    collections: given.collections ?? new Map<string, IdType>([['products', 'string']]),
    identity: given.identity ?? { kind: 'control' },
    clock: systemClock,
    options: { ...defaultMongoSourceOptions, ...given.options },
    ...(given.events && { events: given.events }),
  }
  const source = new MongoSource(parts)
  return {
    source,
    reads: new MongoReads({ ...parts, followed: source.followed }),
    connection,
    parts,
    [Symbol.asyncDispose]: () => connection.close(),
  }
}
