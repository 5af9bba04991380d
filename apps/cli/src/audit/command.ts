import { count, defineOptions, flag, list, ms, secret, text } from '@freshet/kit'
import { baseUrlOf } from '../base-url.ts'
import { defineCommand } from '../command.ts'
import type { CommandContext } from '../command.ts'
import { databaseName, publication } from '../database-name.ts'
import { readRunning } from '../dev/running.ts'
import { CliError } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import { formatSummary } from './report.ts'
import type { Outcome } from './report.ts'
import type { AuditTarget } from './run.ts'

const options = defineOptions({
  readers: list('reader-urls', 'Base URLs of the readers (default: those of `freshet dev` here).'),
  db: secret(
    'db',
    undefined,
    "Address of MongoDB or PostgreSQL with the auditor's user (default: that of `freshet dev` here).",
  ),
  database: databaseName(undefined),
  publication: publication(),
  collections: text('collections', undefined, 'The directory of the collection files.'),
  token: secret('token', undefined, 'A token with permission to read.'),
  forMs: ms('for', 10_000, 'Duration of the audit.', { min: 1_000 }),
  concurrency: count('concurrency', 4, 'Concurrent questions per reader.', { min: 1, max: 256 }),
  pauseMs: ms('pause', 5, 'Pause between two questions of one worker.'),
  json: flag('json', 'Prints one JSON line.'),
})

const codes: Readonly<Record<Outcome, number>> = {
  right: exitCodes.done,
  wrong: exitCodes.failed,
  unproved: exitCodes.unproved,
}

/** `freshet audit`: checks a running system's answers against the database. */
export const auditCommand = defineCommand({
  name: 'audit',
  summary:
    'Requests random documents from all readers and compares each answer with the database at its position.',
  options,
  exits: {
    [exitCodes.done]: 'Every reader was checked, and nothing was wrong.',
    [exitCodes.failed]: 'At least one answer was wrong.',
    [exitCodes.unproved]:
      'Nothing was wrong, but too little of a reader or of one of its collections could be checked.',
    [exitCodes.unavailable]: 'The database does not answer.',
    [exitCodes.broken]: 'The audit itself failed.',
    [exitCodes.badConfig]: 'An option, a collection file, or the database user is invalid.',
  },
  // An unexpected error must not look like a verdict about readers.
  unexpected: exitCodes.broken,
  async run(config, context) {
    const target = targetOf(config, context)
    const { runAudit } = await import('./run.ts')
    const summary = await runAudit(target, config, context)
    context.print(config.json ? JSON.stringify(summary) : formatSummary(summary))
    return codes[summary.outcome]
  },
})

interface ProvidedTarget {
  readonly readers: readonly string[]
  readonly db: string | undefined
  readonly database: string | undefined
  readonly publication: string
  readonly collections: string | undefined
  readonly token: string | undefined
}

/** The options, completed from the run of `freshet dev` in this directory. */
function targetOf(provided: ProvidedTarget, context: CommandContext): AuditTarget {
  const running = readRunning(context)
  const readers =
    provided.readers.length > 0
      ? provided.readers.map((url) => baseUrlOf('reader-urls', url))
      : (running?.readers.map(({ url }) => url) ?? [])
  const db = provided.db ?? running?.addresses.auditor
  const database = provided.database ?? running?.database
  const collections = provided.collections ?? running?.collections
  if (readers.length === 0 || db === undefined || database === undefined || collections === undefined)
    throw new CliError('NO_RUN', 'the readers, the address, the database or the collections are missing.')
  return {
    readers,
    db,
    database,
    publication: provided.publication,
    collections,
    token: provided.token ?? running?.token,
  }
}
