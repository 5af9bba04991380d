import { defineOptions, flag, secret } from '@freshet/kit'
import type { Log } from '@freshet/kit'
import { defineCommand } from '../command.ts'
import { databaseName } from '../database-name.ts'
import { readRunning } from '../dev/running.ts'
import { CliError } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import { tableOf } from './table.ts'

const options = defineOptions({
  db: secret(
    'db',
    undefined,
    "MongoDB address with the readers' user (default: that of `freshet dev` here).",
  ),
  database: databaseName(undefined),
  json: flag('json', 'Prints one JSON line.'),
})

/** The examination contains everything the guard would log. */
const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }

/** `freshet doctor guard`, or `freshet doctor`: checks each layer between a reader's credentials and a write. Exit code 78 if one is missing. */
export const doctorGuardCommand = defineCommand({
  name: 'doctor guard',
  summary:
    'Attempts a write with the credentials of a reader, reads its role, and reports which layers are in place.',
  options,
  isDefault: true,
  exits: {
    [exitCodes.done]: 'Every layer that can be checked is in place.',
    [exitCodes.failed]: 'Failure; the message says why.',
    [exitCodes.unavailable]: 'The database does not answer.',
    [exitCodes.badConfig]: 'A layer is missing, or an option, a file or the address is invalid.',
  },
  async run({ db, database, json }, context) {
    const running = readRunning(context)
    const uri = db ?? running?.reader
    const name = database ?? running?.database
    if (uri === undefined || name === undefined)
      throw new CliError('NO_RUN', 'the address or the database is missing.')
    const { examine, failures, GuardError } = await import('@freshet/guard')
    try {
      const found = await examine({ uri, database: name, appName: 'freshet doctor', log: silent })
      context.print(json ? JSON.stringify(found) : tableOf(found))
      return found.layers.every(({ stands }) => stands) ? exitCodes.done : exitCodes.badConfig
    } catch (error) {
      if (!(error instanceof GuardError)) throw error
      context.say(`freshet doctor guard: ${error.message}\nTo do: ${failures[error.code].remedy}`)
      return error.exitCode
    }
  },
})
