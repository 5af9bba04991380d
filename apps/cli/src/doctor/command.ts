import { defineOptions, flag, secret } from '@freshet/kit'
import type { Log } from '@freshet/kit'
import type { Examination } from '@freshet/guard'
import { defineCommand } from '../command.ts'
import { databaseName, publication } from '../database-name.ts'
import { kindOf } from '../dev/run-database.ts'
import { readRunning } from '../dev/running.ts'
import { CliError } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import { tableOf } from './table.ts'

const options = defineOptions({
  db: secret(
    'db',
    undefined,
    "Address of MongoDB or PostgreSQL with the readers' user (default: that of `freshet dev` here).",
  ),
  deliveryDb: secret(
    'delivery-db',
    undefined,
    "MongoDB address with the deliveries' user, to check it too (default: that of `freshet dev` here).",
  ),
  database: databaseName(undefined),
  publication: publication(),
  json: flag('json', 'Prints one JSON line.'),
})

/** The examination contains everything the guard would log. */
const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }

/**
 * `freshet doctor guard`: checks each layer between the credentials of a reader or a delivery and a
 * write. Exit code 78 if one is missing.
 */
export const doctorGuardCommand = defineCommand({
  name: 'doctor guard',
  summary:
    'Attempts a write with the credentials of a reader and of a delivery, reads their rights, and reports which layers are in place.',
  options,
  exits: {
    [exitCodes.done]: 'Every layer that can be checked is in place.',
    [exitCodes.failed]: 'Failure; the message says why.',
    [exitCodes.unavailable]: 'The database does not answer.',
    [exitCodes.badConfig]: 'A layer is missing, or an option, a file or the address is invalid.',
  },
  async run({ db, deliveryDb, database, publication: published, json }, context) {
    const running = readRunning(context)
    const uri = db ?? running?.addresses.reader
    // That of a run only together with its reader: otherwise it may be of another database.
    const deliveryUri = deliveryDb ?? (db === undefined ? running?.addresses.delivery : undefined)
    const name = database ?? running?.database
    if (uri === undefined || name === undefined)
      throw new CliError('NO_RUN', 'the address or the database is missing.')
    if (kindOf(uri) === 'postgres') {
      const { examinePostgres } = await import('./postgres.ts')
      const examination = await examinePostgres({ uri, database: name, publication: published })
      context.print(json ? JSON.stringify(examination) : tableOf(examination, 'reader', 'postgres'))
      return stands(examination) ? exitCodes.done : exitCodes.badConfig
    }
    const { examine, failures, GuardError } = await import('@freshet/guard')
    const { examineDelivery } = await import('./delivery.ts')
    try {
      const how = { database: name, appName: 'freshet doctor', log: silent }
      const reader = await examine({ ...how, uri })
      const delivery =
        deliveryUri === undefined ? undefined : await examineDelivery({ ...how, uri: deliveryUri })
      context.print(
        json
          ? JSON.stringify({ ...reader, ...(delivery && { delivery }) })
          : [tableOf(reader, 'reader'), ...(delivery ? [tableOf(delivery, 'delivery')] : [])].join('\n\n'),
      )
      return stands(reader) && (delivery === undefined || stands(delivery))
        ? exitCodes.done
        : exitCodes.badConfig
    } catch (error) {
      if (!(error instanceof GuardError)) throw error
      context.say(`freshet doctor guard: ${error.what}\nTo do: ${failures[error.code].remedy}`)
      return error.exitCode
    }
  },
})

const stands = ({ layers }: Examination): boolean => layers.every((layer) => layer.stands)
