import type { ChangeSource, PastReads } from '@freshet/change-stream'
import {
  defaultMongoSourceOptions,
  MongoPastReads,
  MongoSource,
  type MongoSourceParts,
} from '@freshet/change-stream/mongodb'
import { openReadConnection } from '@freshet/guard'
import { systemClock } from '@freshet/kit'
import type { IdType } from '@freshet/protocol'
import { silentLog, type TestDatabase } from '@freshet/testkit'
import { collections } from './writers.ts'

/** The product's own source over the test's database, with the reader's own user and few changes in one reply. */
export async function openSource(
  db: TestDatabase,
): Promise<AsyncDisposable & { readonly source: ChangeSource; readonly past: PastReads }> {
  const { database } = db
  const connection = await openReadConnection({
    uri: db.uriFor('reader'),
    database,
    appName: 'stress',
    log: silentLog,
  })
  const parts: MongoSourceParts = {
    connection,
    collections: new Map<string, IdType>(collections.map((name) => [name, 'string'])),
    identity: { kind: 'control' },
    clock: systemClock,
    // Replies end in the middle of transactions.
    options: { ...defaultMongoSourceOptions, batchSize: 3 },
  }
  const source = new MongoSource(parts)
  return {
    source,
    past: new MongoPastReads({ ...parts, followed: source.followed }),
    [Symbol.asyncDispose]: () => connection.close(),
  }
}
