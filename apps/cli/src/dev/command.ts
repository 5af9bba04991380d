import { bytes, choice, ConfigError, count, defineOptions, flag, ms, text, type ConfigOf } from '@freshet/kit'
import { serviceOptions } from '@freshet/service/options'
import { defineCommand } from '../command.ts'
import type { CommandContext } from '../command.ts'
import { databaseName } from '../database-name.ts'
import { CliError } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import { StateFolder } from '../state-folder.ts'
import type { DevConfig } from './config.ts'
import { databaseKinds, kindOf } from './run-database.ts'

const options = defineOptions({
  readers: count('readers', 2, 'How many readers to start.', { min: 1, max: 64 }),
  deliveries: count(
    'deliveries',
    undefined,
    'How many delivery services to start (default: 2; PostgreSQL has none).',
    { max: 32 },
  ),
  port: count(
    'port',
    7400,
    'Port of the writer; readers, deliveries and the chat page use the next ones, and health and metrics are 100 ports higher. 0 uses any free ports.',
    {
      max: 65_000,
    },
  ),
  host: text(
    'host',
    '127.0.0.1',
    'Address that writer, readers and deliveries listen on; 0.0.0.0 for other machines. MongoDB, health and metrics stay local.',
  ),
  corsOrigins: serviceOptions.corsOrigins,
  db: text(
    'db',
    undefined,
    'Your own MongoDB, a replica set with access control, or PostgreSQL, with a user that may create roles and users. It is ' +
      'migrated, and its freshet… users get new passwords. MONGODB_URI does the same but never changes passwords.',
  ),
  databaseKind: choice(
    'database-kind',
    databaseKinds,
    'mongodb',
    'The database to start. PostgreSQL has no messages, so no deliveries and no chat page either.',
  ),
  database: databaseName('shop'),
  collections: text('collections', undefined, 'The directory of the collection files (default: the sample).'),
  cacheSizeBytes: bytes('cache-size', 64 * 2 ** 20, 'Cache size of each reader.', { min: 2 ** 20 }),
  feedBatchMs: ms(
    'feed-batch',
    undefined,
    'Each reader takes changes in batches, at most one in this time (up to 1s; MongoDB only).',
    { max: 1_000 },
  ),
  ephemeral: flag(
    'ephemeral',
    'Deletes all data at the end; otherwise it is kept in .freshet/. Data in your own MongoDB stays.',
  ),
  sample: flag(
    'sample',
    'Also writes sample data to your own MongoDB; a MongoDB started here always gets it.',
  ),
  noSample: flag('no-sample', 'Writes no sample data, and serves no chat page.'),
  json: flag('json', 'Prints one JSON line when everything is ready: npm run --silent dev -- --json.'),
})

/** An earlier run may take some seconds to stop. */
const releasedWithinMs = 10_000
const retryEveryMs = 100

/** Claims the state directory. `undefined` if interrupted while waiting. @throws {CliError} FOLDER_IN_USE, NOT_OURS */
async function claimed({ cwd, clock, say, stopped }: CommandContext): Promise<StateFolder | undefined> {
  const state = StateFolder.kept(cwd)
  if (state.claim()) return state
  say(`Another run is using ${state.path}: waiting up to ${releasedWithinMs / 1_000} s for it to stop.`)
  const untilMs = clock.now() + releasedWithinMs
  while (clock.now() < untilMs) {
    await clock.sleep(retryEveryMs, stopped)
    if (stopped.aborted) return undefined
    if (state.claim()) return state
  }
  throw new CliError('FOLDER_IN_USE', `another run is using ${state.path}.`)
}

type Given = ConfigOf<typeof options>

/** Printed first, because a shell variable is easily forgotten. @throws {MigrationError} BAD_ADDRESS */
async function reportMongodbUri({ db, database }: Given, { env, say }: CommandContext): Promise<void> {
  const uri = env['MONGODB_URI'] ?? ''
  if (db !== undefined || uri === '') return
  const { hostsOf } = await import('@freshet/migration')
  say(`Using MongoDB from MONGODB_URI (${hostsOf(uri)}, database ${database}).`)
}

/** An address decides the kind. PostgreSQL stores no messages. @throws {ConfigError} */
function withKind(given: Given, { env }: CommandContext): DevConfig {
  const { db, deliveries, feedBatchMs } = given
  const databaseKind = db === undefined ? given.databaseKind : kindOf(db)
  if (databaseKind === 'mongodb') {
    if (given.databaseKind === 'postgres')
      throw new ConfigError('CONFLICT', '--db is not an address of PostgreSQL: expected postgres://….')
    return { ...given, deliveries: deliveries ?? 2 }
  }
  if (db === undefined && (env['MONGODB_URI'] ?? '') !== '')
    throw new ConfigError('CONFLICT', 'MONGODB_URI is set. Unset it to use PostgreSQL.')
  if (deliveries !== undefined && deliveries > 0)
    throw new ConfigError(
      'CONFLICT',
      '--deliveries: deliveries need messages, which are stored in MongoDB only. Omit the option on PostgreSQL.',
    )
  if (feedBatchMs !== undefined)
    throw new ConfigError(
      'CONFLICT',
      '--feed-batch: readers take changes in batches on MongoDB only. Omit the option on PostgreSQL.',
    )
  return { ...given, databaseKind, deliveries: 0 }
}

/** `freshet dev`: runs the whole system on this machine until Ctrl-C. */
export const devCommand = defineCommand({
  name: 'dev',
  summary:
    'Runs a database, a writer, readers, deliveries and changing sample data on this machine until Ctrl-C.',
  options,
  async run(given, context) {
    const config = withKind(given, context)
    if (config.sample && (config.noSample || config.collections !== undefined))
      throw new ConfigError('CONFLICT', '--sample cannot be combined with --no-sample or --collections.')
    await reportMongodbUri(given, context)
    StateFolder.removeOrphaned()
    const state = given.ephemeral ? StateFolder.temporary() : await claimed(context)
    if (state === undefined) return exitCodes.done
    let outcome: 'stopped' | 'failed' = 'failed'
    try {
      const { runDev } = await import('./run.ts')
      outcome = await runDev(config, state, context)
      return outcome === 'stopped' ? exitCodes.done : exitCodes.failed
    } finally {
      // Keep the logs of a failed run.
      state.close(outcome === 'failed' ? 'butLogs' : undefined)
    }
  },
})
