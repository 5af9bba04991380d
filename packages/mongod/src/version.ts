import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)
const oldestMajor = 6

/**
 * Runs `binary --version` and resolves with the version, such as `6.0.5`. Costs about 50 ms. It also proves that the
 * program runs on this machine: one that was built for another system, or misses its OpenSSL, rejects here.
 * @throws {Error} when it does not run, is no mongod, or is older than 6.0, which the readers need.
 */
export async function versionOf(binary: string): Promise<string> {
  const { stdout } = await run(binary, ['--version'], { timeout: 10_000 })
  const version = /^db version v(\d+\.\d+\.\d+)/m.exec(stdout)?.[1]
  if (version === undefined) throw new Error(`${binary} does not name its version as a mongod does`)
  if (Number(version.split('.')[0]) < oldestMajor) {
    throw new Error(`${binary} is MongoDB ${version}, wanted ${oldestMajor}.0 or newer`)
  }
  return version
}
