import { postgresCodec } from '@freshet/documents-postgres'
import { Backoff, ConfigError, defineOptions, secret, text, type ConfigOf } from '@freshet/kit'
import { addressFault, addressWithDatabase, publicationName } from '@freshet/postgres-rules'
import { CollectionChecks } from '../collection-checks.ts'
import type { Backend, BackendSettings, BackendTools } from '../contract.ts'
import { readBudgetOf } from '../read-budget.ts'
import { DatabaseConnection } from './connection.ts'
import { ControlRow } from './control.ts'
import { mayBeOfKind } from './errors.ts'
import { expectRights } from './rights.ts'
import { PostgresStore } from './store.ts'
import { AnswerSweep } from './stored-answers.ts'
import { tableCheck } from './table-checks.ts'
import { Transactions } from './transactions.ts'

/** Options of a writer for PostgreSQL. */
export const postgresOptions = defineOptions({
  postgresUri: secret('postgres-uri', undefined, 'The PostgreSQL address, with the user of the writer.'),
  publication: text(
    'publication',
    publicationName,
    'The PostgreSQL publication that readers follow; tables outside of it are not written to.',
  ),
})

/** Retries of a transaction after conflicts, and the pauses between them. */
const RETRIES = 5
const PAUSES = { firstMs: 4, maxMs: 100 }

/** Opens the backend for a PostgreSQL database. Connects on first use. @throws {ConfigError} */
export function openPostgres(
  config: ConfigOf<typeof postgresOptions> & BackendSettings & { readonly postgresUri: string },
  { clock, log, inFlight: { budget } }: BackendTools,
): Backend {
  const { maxWrites, acknowledgeWithinMs, publication, messages } = config
  if (messages)
    throw new ConfigError(
      'CONFLICT',
      '--messages: messages are stored in MongoDB. Start another writer for them.',
    )
  const connection = new DatabaseConnection({ uri: uriOf(config), maxWrites, acknowledgeWithinMs, log })
  const checks = new CollectionChecks({
    check: tableCheck({ connection, publication }),
    mayExplain: mayBeOfKind,
    clock,
    log,
  })
  const transactions = new Transactions({
    connection,
    clock,
    times: RETRIES,
    pauses: () => new Backoff(PAUSES, Math.random),
  })
  return {
    codec: postgresCodec,
    store: new PostgresStore({
      connection,
      transactions,
      readBudget: readBudgetOf(budget, maxWrites),
      checks,
    }),
    control: new ControlRow(connection),
    onBroken: (listener) => connection.onBroken(listener),
    expectRights: (collections) => expectRights({ connection, collections, log }),
    connection,
    parts: [connection, new AnswerSweep(connection, clock, log)],
  }
}

/** @throws {ConfigError} the URI is invalid. */
function uriOf({
  postgresUri,
  database,
}: {
  readonly postgresUri: string
  readonly database: string
}): string {
  const uri = addressWithDatabase(postgresUri, database)
  if (uri === undefined)
    throw new ConfigError('BAD_VALUE', `--postgres-uri-file: ${String(addressFault(postgresUri))}.`)
  return uri
}
