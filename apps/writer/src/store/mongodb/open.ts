import { mongodbCodec } from '@freshet/documents-mongodb'
import { Backoff, defineOptions, REQUIRED, secret, type ConfigOf } from '@freshet/kit'
import type { Backend, BackendSettings, BackendTools } from '../contract.ts'
import { CollectionChecks, followableBy } from './collection-checks.ts'
import { DatabaseConnection } from './connection.ts'
import { ControlDocuments } from './control-documents.ts'
import { LookRoom } from './look-room.ts'
import { ReadModifyWrites } from './read-modify-writes.ts'
import { expectRights } from './rights.ts'
import { MongoStore } from './store.ts'
import { SnapshotTransactions } from './transactions.ts'

/** The options of a writer that writes to MongoDB. */
export const mongodbOptions = defineOptions({
  mongodbUri: secret('mongodb-uri', REQUIRED, 'The address of the database with the user of the writer.'),
})

/** How often a write that meets another one is tried again, and the waits between. */
const RETRIES = 5
const PAUSES = { firstMs: 4, maxMs: 100 }

/** Of all bytes under way. */
const LOOKS_SHARE = 1 / 4
const LARGE_LOOKS_SHARE = 1 / 2

/** The backend of a MongoDB database. It connects when it is first used. @throws {ConfigError} */
export function openMongodb(
  config: ConfigOf<typeof mongodbOptions> & BackendSettings,
  { clock, log, inFlight: { budget } }: BackendTools,
): Backend {
  const { mongodbUri: uri, database, maxWrites, acknowledgeWithinMs } = config
  const connection = new DatabaseConnection({ uri, maxWrites, acknowledgeWithinMs, clock, log })
  const control = new ControlDocuments(connection, database, acknowledgeWithinMs)
  const later = () => control.later()
  const retries = { times: RETRIES, pauses: () => new Backoff(PAUSES, Math.random), clock }
  const changes = new ReadModifyWrites({
    database,
    transactions: new SnapshotTransactions({ connection, acknowledgeWithinMs, retries, later }),
    room: new LookRoom({
      small: budget.part('looks', budget.maxBytes * LOOKS_SHARE),
      large: budget.part('large_looks', budget.maxBytes * LARGE_LOOKS_SHARE),
      maxLargeWaiting: Math.floor(maxWrites / 2),
    }),
  })
  const checks = new CollectionChecks(followableBy(connection, database), clock)
  return {
    codec: mongodbCodec,
    store: new MongoStore({ connection, database, acknowledgeWithinMs, later, changes, checks }),
    control,
    onBroken: (listener) => connection.onBroken(listener),
    expectRights: (collections) => expectRights({ connection, database, collections, log }),
    connection,
    parts: [connection],
  }
}
