import type { ChangeSource, SourceReads } from '@freshet/change-stream'
import {
  defaultMongoSourceOptions,
  MongoReads,
  MongoSource,
  type MongoSourceParts,
} from '@freshet/change-stream-mongodb'
import { openReadConnection, type ReadConnection } from '@freshet/guard'
import { systemClock } from '@freshet/kit'
import { silentLog, type TestDatabase } from '@freshet/testkit'
import { idTypes } from '../stress-documents.ts'

/**
 * The product's source over a test database, with the reader's user and few changes per reply. `wrap` intercepts its
 * connection.
 */
export async function openSource(
  db: TestDatabase,
  wrap: (connection: ReadConnection) => ReadConnection = (connection) => connection,
): Promise<AsyncDisposable & { readonly source: ChangeSource; readonly reads: SourceReads }> {
  const { database } = db
  const connection = await openReadConnection({
    uri: db.uriFor('reader'),
    database,
    appName: 'stress',
    log: silentLog,
  })
  const parts: MongoSourceParts = {
    connection: wrap(connection),
    collections: idTypes,
    identity: { kind: 'control' },
    clock: systemClock,
    // Replies end within transactions.
    options: { ...defaultMongoSourceOptions, batchSize: 3 },
  }
  const source = new MongoSource(parts)
  return {
    source,
    reads: new MongoReads({ ...parts, followed: source.followed }),
    [Symbol.asyncDispose]: () => connection.close(),
  }
}
