import { defineOptions, flag, list, secret, text } from '@freshet/kit'
import { defineCommand, type CommandContext } from '../command.ts'
import { databaseName, publication } from '../database-name.ts'
import { readRunning } from '../dev/running.ts'
import { CliError } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import { baseUrlOf } from '../base-url.ts'
import { formatFindings } from './finding.ts'
import type { DoctorTarget } from './examine.ts'

const options = defineOptions({
  managementUrls: list(
    'management-urls',
    'Management URLs of the services (default: those of `freshet dev` here).',
  ),
  adminDb: secret(
    'admin-db',
    undefined,
    'Address of MongoDB or PostgreSQL with a user that may see roles and the state of the server (default: that of `freshet dev` here).',
  ),
  db: secret(
    'db',
    undefined,
    "Address of MongoDB or PostgreSQL with the readers' user, to check its rights (default: that of `freshet dev` here).",
  ),
  deliveryDb: secret(
    'delivery-db',
    undefined,
    "MongoDB address with the deliveries' user, to check its rights (default: that of `freshet dev` here).",
  ),
  database: databaseName(undefined),
  publication: publication(),
  collections: text('collections', undefined, 'The directory of the collection files, to compare roles.'),
  manifests: text(
    'manifests',
    undefined,
    'A file with rendered manifests, such as the output of `kubectl kustomize`.',
  ),
  json: flag('json', 'Prints one JSON line.'),
})

/** `freshet doctor`: looks for what will fail, before it fails. */
export const doctorCommand = defineCommand({
  name: 'doctor',
  summary:
    'Checks services, database and manifests for what will fail: oplog, roles, clocks, connections, memory, probes.',
  options,
  exits: {
    [exitCodes.done]: 'No fault. There may be warnings, and things that could not be checked.',
    [exitCodes.failed]: 'Failure; the message says why.',
    [exitCodes.unavailable]: 'The database does not answer.',
    [exitCodes.badConfig]: 'A fault was found, or an option or a file is invalid.',
  },
  async run(config, context) {
    const target = targetOf(config, context)
    const { examineAll } = await import('./examine.ts')
    const { findings, databaseAnswers } = await examineAll(target, context)
    context.print(config.json ? JSON.stringify({ findings }) : formatFindings(findings))
    if (!databaseAnswers) return exitCodes.unavailable
    return findings.some(({ verdict }) => verdict === 'fault') ? exitCodes.badConfig : exitCodes.done
  },
})

interface ProvidedTarget {
  readonly managementUrls: readonly string[]
  readonly adminDb: string | undefined
  readonly db: string | undefined
  readonly deliveryDb: string | undefined
  readonly database: string | undefined
  readonly publication: string
  readonly collections: string | undefined
  readonly manifests: string | undefined
}

/** The options, completed from the run of `freshet dev` in this directory unless they name something else. */
function targetOf(provided: ProvidedTarget, context: CommandContext): DoctorTarget {
  const { managementUrls, adminDb, db, deliveryDb, manifests } = provided
  const none =
    managementUrls.length === 0 && [adminDb, db, deliveryDb, manifests].every((each) => each === undefined)
  const running = none ? readRunning(context) : undefined
  if (none && running === undefined) throw new CliError('NO_RUN', 'there is nothing to check.')
  const database = provided.database ?? running?.database
  const address = adminDb ?? db ?? deliveryDb
  if (address !== undefined && database === undefined) throw new CliError('NO_RUN', '--database is missing.')
  const named = (name: string, services: readonly { readonly managementUrl: string }[]) =>
    services.map(({ managementUrl }, at) => ({ name: `${name} ${at + 1}`, managementUrl }))
  return {
    services:
      running === undefined
        ? managementUrls.map((url) => ({ name: url, managementUrl: baseUrlOf('management-urls', url) }))
        : [
            { name: 'writer', managementUrl: running.writer.managementUrl },
            ...named('reader', running.readers),
            ...named('delivery', running.deliveries),
          ],
    adminDb: adminDb ?? running?.addresses.admin,
    readerDb: db ?? running?.addresses.reader,
    // A run on PostgreSQL has none.
    deliveryDb: deliveryDb ?? (running?.addresses.delivery || undefined),
    database: database ?? '',
    publication: provided.publication,
    collections: provided.collections ?? running?.collections,
    manifests,
  }
}
