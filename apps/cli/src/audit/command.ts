import { CollectionFileError, loadCollections, type Collection } from '@freshet/documents'
import { storedNameFault } from '@freshet/mongodb-rules'
import { openReadConnection } from '@freshet/guard'
import { ConfigError, count, defineOptions, flag, list, ms, secret, text } from '@freshet/kit'
import type { Log } from '@freshet/kit'
import { defineCommand } from '../command.ts'
import type { World } from '../command.ts'
import { databaseName } from '../database-name.ts'
import { readRunning } from '../dev/running.ts'
import { CliError } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import { Auditor } from './auditor.ts'
import { HttpReader } from './http-reader.ts'
import { MongoTruth } from './mongo-truth.ts'
import { inWords } from './report.ts'
import type { Outcome } from './report.ts'

const options = defineOptions({
  readers: list('reader-urls', 'Base URLs of the readers (default: those of `freshet dev` here).'),
  db: secret('db', undefined, "MongoDB's address with the auditor's user (default: of `freshet dev` here)."),
  database: databaseName(undefined),
  collections: text('collections', undefined, 'The folder of the collection files.'),
  token: secret('token', undefined, 'A token that may read.'),
  forMs: ms('for', 10_000, 'How long to ask.', { min: 1_000 }),
  concurrency: count('concurrency', 4, 'Questions under way at once, per reader.', { min: 1, max: 256 }),
  pauseMs: ms('pause', 5, 'The wait between two questions of one asker.'),
  json: flag('json', 'Prints one JSON line.'),
})

const codes: Readonly<Record<Outcome, number>> = {
  right: exitCodes.done,
  wrong: exitCodes.failed,
  unproved: exitCodes.unproved,
}

/** `freshet audit`: proves while the system runs that readers answer what the database had. */
export const auditCommand = defineCommand({
  name: 'audit',
  says: 'Asks all readers about random documents and compares each answer with MongoDB at the position it names.',
  options,
  exits: {
    [exitCodes.done]: 'Every reader was judged, and nothing was wrong.',
    [exitCodes.failed]: 'At least one answer was wrong.',
    [exitCodes.unproved]:
      'Nothing was wrong, and of a reader, or of one of its collections, too little could be judged.',
    [exitCodes.unavailable]: 'The database does not answer.',
    [exitCodes.broken]: 'The audit itself failed.',
    [exitCodes.badConfig]: 'An option, a collection file, or the user of the database is wrong.',
  },
  // Whatever is no word about readers must not look like one.
  unexpected: exitCodes.broken,
  async run(config, world) {
    const from = targetOf(config, world)
    const collections = await collectionsIn(from.collections)
    const connection = await openReadConnection({
      uri: from.db,
      database: from.database,
      appName: 'freshet audit',
      log: quiet(world.say),
    })
    try {
      const auditor = new Auditor({
        truth: new MongoTruth(connection, collections, world.clock),
        readers: [...new Set(from.readers)].map((url) => new HttpReader(url, from.token)),
        collections: [...collections.keys()],
        clock: world.clock,
        random: Math.random,
        concurrency: config.concurrency,
        pauseMs: config.pauseMs,
      })
      if ((await auditor.knownIds()) === 0) throw new CliError('NOTHING_TO_AUDIT', 'no document is there.')
      const summary = await auditor.run(signalAfter(config.forMs, world))
      world.print(config.json ? JSON.stringify(summary) : inWords(summary))
      return codes[summary.outcome]
    } finally {
      await connection.close()
    }
  },
})

/** @throws {ConfigError} BAD_VALUE */
async function collectionsIn(folder: string): Promise<ReadonlyMap<string, Collection>> {
  try {
    return await loadCollections(folder, storedNameFault)
  } catch (error) {
    if (!(error instanceof CollectionFileError)) throw error
    throw new ConfigError('BAD_VALUE', `--collections: ${error.message}`, { cause: error })
  }
}

/** Aborts after this time, or when the person wants an end. */
function signalAfter(forMs: number, { clock, stopped }: World): AbortSignal {
  // Not AbortSignal.timeout: held by AbortSignal.any alone it is collected as garbage in Node 20 and never fires.
  const over = new AbortController()
  void clock.sleep(forMs, stopped).then(() => over.abort())
  return over.signal
}

interface Target {
  readonly readers: readonly string[]
  readonly db: string
  readonly database: string
  readonly collections: string
  readonly token: string | undefined
}

interface Given {
  readonly readers: readonly string[]
  readonly db: string | undefined
  readonly database: string | undefined
  readonly collections: string | undefined
  readonly token: string | undefined
}

/** What was given, and the run of `freshet dev` in this folder for the rest. */
function targetOf(given: Given, world: World): Target {
  const running = readRunning(world)
  const readers =
    given.readers.length > 0 ? given.readers.map(baseOf) : (running?.readers.map(({ url }) => url) ?? [])
  const db = given.db ?? running?.auditor
  const database = given.database ?? running?.database
  const collections = given.collections ?? running?.collections
  if (readers.length === 0 || db === undefined || database === undefined || collections === undefined)
    throw new CliError('NO_RUN', 'no readers, address, database or collections are given.')
  return { readers, db, database, collections, token: given.token ?? running?.token }
}

/** Paths are put behind it. @throws {ConfigError} BAD_VALUE */
function baseOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '')
    throw new ConfigError(
      'BAD_VALUE',
      `--reader-urls holds ${JSON.stringify(text)}; it wants http or https URLs, such as http://host:7401.`,
    )
  return url.href.replace(/\/$/, '')
}

/** Warnings for the person; the rest is noise here. */
function quiet(say: (text: string) => void): Log {
  const tell = (_fields: object, message: string): void => say(message)
  return { debug: () => undefined, info: () => undefined, warn: tell, error: tell }
}
