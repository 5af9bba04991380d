import { CollectionFileError, loadCollections, type Collection } from '@freshet/documents'
import { ConfigError } from '@freshet/kit'
import type { Log } from '@freshet/kit'
import { storedNameFault } from '@freshet/mongodb-rules'
import { tableNameFault } from '@freshet/postgres-rules'
import type { CommandContext } from '../command.ts'
import { kindOf, type DatabaseKind } from '../dev/run-database.ts'
import { CliError } from '../errors.ts'
import { postgresUri } from '../postgres-uri.ts'
import { Auditor } from './auditor.ts'
import type { TruthSource } from './contract.ts'
import { HttpReader } from './http-reader.ts'
import type { AuditSummary } from './report.ts'

/** What is audited. */
export interface AuditTarget {
  /** Base URLs. */
  readonly readers: readonly string[]
  /** Address of MongoDB or PostgreSQL with the auditor's user. */
  readonly db: string
  readonly database: string
  /** PostgreSQL's. */
  readonly publication: string
  /** The directory of the collection files. */
  readonly collections: string
  readonly token: string | undefined
}

/** How it is audited. */
export interface AuditPace {
  readonly forMs: number
  /** Concurrent questions per reader. */
  readonly concurrency: number
  /** Pause between two questions of one worker. */
  readonly pauseMs: number
}

/** Audits until the time is over or Ctrl-C. @throws {ConfigError | CliError | GuardError | ChangeStreamError} */
export async function runAudit(
  target: AuditTarget,
  { forMs, concurrency, pauseMs }: AuditPace,
  context: CommandContext,
): Promise<AuditSummary> {
  const kind = kindOf(target.db)
  const collections = await collectionsIn(target.collections, kind)
  const open = kind === 'postgres' ? openPostgresTruth : openMongoTruth
  await using truth = await open(target, collections, context)
  const auditor = new Auditor({
    truth,
    readers: [...new Set(target.readers)].map((url) => new HttpReader(url, target.token)),
    collections: [...collections.keys()],
    clock: context.clock,
    random: Math.random,
    concurrency,
    pauseMs,
  })
  if ((await auditor.knownIds()) === 0) throw new CliError('NOTHING_TO_AUDIT', 'there are no documents.')
  return await auditor.run(signalAfter(forMs, context))
}

type OpenTruth = (
  target: AuditTarget,
  collections: ReadonlyMap<string, Collection>,
  context: CommandContext,
) => Promise<TruthSource & AsyncDisposable>

const openMongoTruth: OpenTruth = async ({ db, database }, collections, { clock, say }) => {
  const { openReadConnection } = await import('@freshet/guard')
  const { MongoTruth } = await import('./mongo-truth.ts')
  const connection = await openReadConnection({
    uri: db,
    database,
    appName: 'freshet audit',
    log: quiet(say),
  })
  return Object.assign(new MongoTruth(connection, collections, clock), {
    [Symbol.asyncDispose]: () => connection.close(),
  })
}

const openPostgresTruth: OpenTruth = async ({ db, database, publication }, collections, { clock }) => {
  const { PostgresTruth } = await import('./postgres-truth.ts')
  return await PostgresTruth.open({ uri: postgresUri('db', db, database), publication, collections, clock })
}

/** @throws {ConfigError} BAD_VALUE */
async function collectionsIn(folder: string, kind: DatabaseKind): Promise<ReadonlyMap<string, Collection>> {
  try {
    return await loadCollections(folder, kind === 'postgres' ? tableNameFault : storedNameFault)
  } catch (error) {
    if (!(error instanceof CollectionFileError)) throw error
    throw new ConfigError('BAD_VALUE', `--collections: ${error.message}`, { cause: error })
  }
}

/** Aborts after this time or on Ctrl-C. */
function signalAfter(forMs: number, { clock, stopped }: CommandContext): AbortSignal {
  // Not AbortSignal.timeout: in Node 20 it is garbage-collected if only AbortSignal.any references it, and never fires.
  const timeout = new AbortController()
  void clock.sleep(forMs, stopped).then(() => timeout.abort())
  return timeout.signal
}

/** Prints warnings and errors only. */
function quiet(say: (text: string) => void): Log {
  const print = (_fields: object, message: string): void => say(message)
  return { debug: () => undefined, info: () => undefined, warn: print, error: print }
}
