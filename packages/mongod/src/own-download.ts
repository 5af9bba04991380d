import { MongoBinary, DryMongoBinary } from 'mongodb-memory-server-core'
import type { Environment } from './cache-folder.ts'
import { assertReachable } from './reachable.ts'

/** The server that is fetched from MongoDB's own site; built for every system that is common today. */
const version = '7.0.14'
const defaultHost = 'https://fastdl.mongodb.org'
const probeWithinMs = 5_000

/** The path of a server that an earlier run fetched into `cache` from MongoDB's site, if there is one. */
export async function fetchedEarlier(cache: string): Promise<string | undefined> {
  return DryMongoBinary.locateBinary({ version, downloadDir: cache })
}

/**
 * Fetches MongoDB from its own site (or the mirror in MONGOMS_DOWNLOAD_MIRROR) into `cache`.
 * @throws {Error} within five seconds when the site cannot be reached; also when it has no build for this system.
 */
export async function fetchFromSite(cache: string, env: Environment): Promise<string> {
  await assertReachable(new URL(env['MONGOMS_DOWNLOAD_MIRROR'] ?? defaultHost), env, probeWithinMs)
  return MongoBinary.getPath({ version, downloadDir: cache })
}
