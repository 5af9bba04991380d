import { mongodbCodec } from '@freshet/documents-mongodb'
import { Backoff, defineOptions, secret } from '@freshet/kit'
import { messagesDatabase } from '@freshet/mongodb-rules'
import type { Backend, BackendSettings, BackendTools } from '../contract.ts'
import { CollectionChecks } from '../collection-checks.ts'
import { readBudgetOf } from '../read-budget.ts'
import { followableBy } from './collection-checks.ts'
import { DatabaseConnection } from './connection.ts'
import { ControlDocuments } from './control-documents.ts'
import { mayBeOfKind } from './driver-errors.ts'
import { MongoMessages } from './messages.ts'
import { ReadModifyWrites } from './read-modify-writes.ts'
import { expectRights } from './rights.ts'
import { MongoStore } from './store.ts'
import { SnapshotTransactions } from './transactions.ts'
import { Turns } from './turns.ts'

/** Options of a writer for MongoDB. */
export const mongodbOptions = defineOptions({
  mongodbUri: secret('mongodb-uri', undefined, 'The MongoDB address, with the user of the writer.'),
})

/** Retries of a transaction after conflicts, and the pauses between them: for about a second. */
const RETRIES = 15
const PAUSES = { firstMs: 4, maxMs: 100 }

/**
 * Messages of one conversation conflict with those that other writers store at the same time, and the winner starts its
 * next one at once. So they are retried more often, with shorter pauses: for about 2.5 s.
 */
const MESSAGE_RETRIES = 100
const MESSAGE_PAUSES = { firstMs: 2, maxMs: 25 }

/** Opens the backend for a MongoDB database. Connects on first use. @throws {ConfigError} */
export function openMongodb(
  config: BackendSettings & { readonly mongodbUri: string },
  { clock, log, inFlight: { budget } }: BackendTools,
): Backend {
  const { mongodbUri: uri, database, messages, maxWrites, acknowledgeWithinMs } = config
  const databases = messages ? 2 : 1
  const connection = new DatabaseConnection({ uri, databases, maxWrites, acknowledgeWithinMs, clock, log })
  const control = new ControlDocuments(connection, database, acknowledgeWithinMs)
  const latestPosition = () => control.latestPosition()
  const transactions = (times: number, between: typeof PAUSES): SnapshotTransactions => {
    const retries = { times, pauses: () => new Backoff(between, Math.random), clock }
    return new SnapshotTransactions({ connection, acknowledgeWithinMs, retries, latestPosition })
  }
  const changes = new ReadModifyWrites({
    database,
    transactions: transactions(RETRIES, PAUSES),
    readBudget: readBudgetOf(budget, maxWrites),
  })
  const checks = new CollectionChecks({
    check: followableBy(connection, database),
    mayExplain: mayBeOfKind,
    clock,
    log,
  })
  return {
    codec: mongodbCodec,
    store: new MongoStore({ connection, database, acknowledgeWithinMs, latestPosition, changes, checks }),
    control,
    messages: messages
      ? {
          store: new MongoMessages(
            messagesDatabase(database),
            transactions(MESSAGE_RETRIES, MESSAGE_PAUSES),
            new Turns(clock),
          ),
          control: new ControlDocuments(connection, messagesDatabase(database), acknowledgeWithinMs),
        }
      : undefined,
    onBroken: (listener) => connection.onBroken(listener),
    expectRights: (collections) => expectRights({ connection, database, collections, messages, log }),
    connection,
    parts: [connection],
  }
}
