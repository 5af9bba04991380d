import { homedir } from 'node:os'
import { join } from 'node:path'

/** The variables of a process, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Where fetched servers are kept between runs: the user's cache folder by the rules of the XDG base directories. */
export function cacheFolder(env: Environment): string {
  const base = env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache')
  return join(base, 'freshet', 'mongod')
}
