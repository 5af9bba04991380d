import { CollectionFileError, loadCollections, type Collection } from '@freshet/documents'
import { openReadConnection } from '@freshet/guard'
import { ConfigError } from '@freshet/kit'
import type { Log } from '@freshet/kit'
import { storedNameFault } from '@freshet/mongodb-rules'
import type { CommandContext } from '../command.ts'
import { CliError } from '../errors.ts'
import { Auditor } from './auditor.ts'
import { HttpReader } from './http-reader.ts'
import { MongoTruth } from './mongo-truth.ts'
import type { AuditSummary } from './report.ts'

/** What is audited. */
export interface AuditTarget {
  /** Base URLs. */
  readonly readers: readonly string[]
  /** MongoDB address with the auditor's user. */
  readonly db: string
  readonly database: string
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

/** Audits until the time is over or Ctrl-C. @throws {ConfigError | CliError | GuardError} */
export async function runAudit(
  target: AuditTarget,
  { forMs, concurrency, pauseMs }: AuditPace,
  context: CommandContext,
): Promise<AuditSummary> {
  const collections = await collectionsIn(target.collections)
  const connection = await openReadConnection({
    uri: target.db,
    database: target.database,
    appName: 'freshet audit',
    log: quiet(context.say),
  })
  try {
    const auditor = new Auditor({
      truth: new MongoTruth(connection, collections, context.clock),
      readers: [...new Set(target.readers)].map((url) => new HttpReader(url, target.token)),
      collections: [...collections.keys()],
      clock: context.clock,
      random: Math.random,
      concurrency,
      pauseMs,
    })
    if ((await auditor.knownIds()) === 0) throw new CliError('NOTHING_TO_AUDIT', 'there are no documents.')
    return await auditor.run(signalAfter(forMs, context))
  } finally {
    await connection.close()
  }
}

/** @throws {ConfigError} BAD_VALUE */
async function collectionsIn(folder: string): Promise<ReadonlyMap<string, Collection>> {
  try {
    return await loadCollections(folder, storedNameFault)
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
