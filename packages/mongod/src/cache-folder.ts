import { homedir } from 'node:os'
import { join } from 'node:path'

/** Environment variables, like `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Directory of downloaded servers, in the user's cache directory according to the XDG specification. */
export function cacheFolder(env: Environment): string {
  const base = env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache')
  return join(base, 'freshet', 'mongod')
}
