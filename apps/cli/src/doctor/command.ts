import { examine, failures, GuardError } from '@freshet/guard'
import { defineOptions, flag, secret, type Log } from '@freshet/kit'
import { defineCommand } from '../command.ts'
import { databaseName } from '../database-name.ts'
import { readRunning } from '../dev/running.ts'
import { CliError } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import { tableOf } from './table.ts'

const options = defineOptions({
  db: secret('db', undefined, "MongoDB's address as a reader has it (default: of `freshet dev` here)."),
  database: databaseName(undefined),
  json: flag('json', 'Prints one JSON line.'),
})

/** The guard's own words come back in the examination. */
const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }

/** `freshet doctor guard`: tries each wall between a reader's credentials and a write. Exit code 78: one is missing. */
export const doctorGuardCommand = defineCommand({
  name: 'doctor guard',
  says: 'Tries to write with the credentials of a reader, reads its role, and tells which walls stand.',
  options,
  exits: {
    [exitCodes.done]: 'Each wall that can be tried stands.',
    [exitCodes.failed]: 'It failed; the message says why.',
    [exitCodes.unavailable]: 'The database does not answer.',
    [exitCodes.badConfig]: 'A wall is missing, or an option, a file or the address is wrong.',
  },
  async run({ db, database, json }, world) {
    const running = readRunning(world)
    const uri = db ?? running?.reader
    const name = database ?? running?.database
    if (uri === undefined || name === undefined)
      throw new CliError('NO_RUN', 'no address or no database is given.')
    try {
      const found = await examine({ uri, database: name, appName: 'freshet doctor', log: silent })
      world.print(json ? JSON.stringify(found) : tableOf(found))
      return found.layers.every(({ stands }) => stands) ? exitCodes.done : exitCodes.badConfig
    } catch (error) {
      if (!(error instanceof GuardError)) throw error
      world.say(`freshet doctor guard: ${error.message}\nTo do: ${failures[error.code].remedy}`)
      return error.exitCode
    }
  },
})
