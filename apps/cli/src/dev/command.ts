import { bytes, ConfigError, count, defineOptions, flag, text } from '@freshet/kit'
import { hostsOf } from '@freshet/migration'
import { serviceOptions } from '@freshet/service'
import { defineCommand } from '../command.ts'
import type { World } from '../command.ts'
import { databaseName } from '../database-name.ts'
import { CliError } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import { StateFolder } from '../state-folder.ts'
import type { DevConfig } from './config.ts'
import { runDev } from './run.ts'

const options = defineOptions({
  readers: count('readers', 2, 'How many readers to start.', { min: 1, max: 64 }),
  port: count(
    'port',
    7400,
    'The writer listens here, the readers on the next ports, and health and metrics of each 100 ports higher; 0 takes any free.',
    {
      max: 65_000,
    },
  ),
  host: text(
    'host',
    '127.0.0.1',
    'What writer and readers listen on; 0.0.0.0 lets other machines in. MongoDB, health and metrics stay on this one.',
  ),
  corsOrigins: serviceOptions.corsOrigins,
  db: text(
    'db',
    undefined,
    'Your own MongoDB: a replica set with access control on, and a user that may create roles and users. It is ' +
      'migrated, and its users freshet-… get new passwords. Also read from MONGODB_URI, where such users are left alone.',
  ),
  database: databaseName('shop'),
  collections: text('collections', undefined, 'The folder of the collection files (default: the sample).'),
  cacheSizeBytes: bytes('cache-size', 64 * 2 ** 20, 'What each reader may keep in memory.', { min: 2 ** 20 }),
  ephemeral: flag(
    'ephemeral',
    'All data is gone at the end; otherwise it is kept under .freshet/. What is in your own MongoDB stays.',
  ),
  sample: flag(
    'sample',
    'Writes sample data into your own MongoDB too; into one that is started here it is written anyway.',
  ),
  noSample: flag('no-sample', 'Writes no sample data.'),
  json: flag('json', 'Prints one JSON line when all is ready: npm run --silent dev -- --json.'),
})

/** An earlier run that is asked to end takes some seconds. */
const leftWithinMs = 10_000
const askEveryMs = 100

/** The folder of the runs here, for this run alone; nothing when the person stops it. @throws {CliError} FOLDER_IN_USE, NOT_OURS */
async function claimed({ cwd, clock, say, stopped }: World): Promise<StateFolder | undefined> {
  const state = StateFolder.kept(cwd)
  if (state.claim()) return state
  say(`Another run keeps its data in ${state.path}: waiting up to ${leftWithinMs / 1_000} s for it to end.`)
  const untilMs = clock.now() + leftWithinMs
  while (clock.now() < untilMs) {
    await clock.sleep(askEveryMs, stopped)
    if (stopped.aborted) return undefined
    if (state.claim()) return state
  }
  throw new CliError('FOLDER_IN_USE', `another run keeps its data in ${state.path}.`)
}

/** Before anything else: a variable of the shell is easily forgotten. @throws {MigrationError} BAD_ADDRESS */
function sayGiven({ db, database }: DevConfig, { env, say }: World): void {
  const given = env['MONGODB_URI'] ?? ''
  if (db === undefined && given !== '')
    say(`Using the MongoDB of MONGODB_URI (${hostsOf(given)}, database ${database}).`)
}

/** `freshet dev`: the whole system on this machine, until Ctrl-C. */
export const devCommand = defineCommand({
  name: 'dev',
  says: 'Runs MongoDB, a writer and readers on this machine, with sample data that moves, until Ctrl-C.',
  options,
  async run(config, world) {
    if (config.sample && (config.noSample || config.collections !== undefined))
      throw new ConfigError('CONFLICT', '--sample goes with neither --no-sample nor --collections.')
    sayGiven(config, world)
    StateFolder.removeLeftOver()
    const state = config.ephemeral ? StateFolder.temporary() : await claimed(world)
    if (state === undefined) return exitCodes.done
    let how: 'asked' | 'broken' = 'broken'
    try {
      how = await runDev(config, state, world)
      return how === 'asked' ? exitCodes.done : exitCodes.failed
    } finally {
      // What broke it is to be read.
      state.close(how === 'broken' ? 'butLogs' : undefined)
    }
  },
})
