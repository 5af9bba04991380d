import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)
const oldestMajor = 6

/**
 * Runs `binary --version` and resolves with the version, for example `6.0.5`. Takes about 50 ms. Also proves that the binary
 * runs on this machine; one for another system or OpenSSL version fails here.
 * @throws {Error} if it does not run, is not a mongod, or is older than 6.0, which readers require.
 */
export async function versionOf(binary: string): Promise<string> {
  const { stdout } = await run(binary, ['--version'], { timeout: 10_000 })
  const version = /^db version v(\d+\.\d+\.\d+)/m.exec(stdout)?.[1]
  if (version === undefined) throw new Error(`${binary} does not print a mongod version`)
  if (Number(version.split('.')[0]) < oldestMajor) {
    throw new Error(`${binary} is MongoDB ${version}; expected ${oldestMajor}.0 or newer`)
  }
  return version
}
