import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { CliError } from './errors.ts'

const openToOthers = 0o077
const writableByOthers = 0o022
/** In a sticky directory, only the owner may rename or remove an entry: https://man7.org/linux/man-pages/man7/inode.7.html */
const sticky = 0o1000

/**
 * Creates a directory that only its owner can access, or checks an existing one.
 * @throws {CliError} NOT_OURS: it is a link or a file, or belongs to another user.
 */
export function makePrivateFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (cause) {
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (found === undefined)
      throw new CliError('NOT_OURS', `${path} could not be created (${messageOf(cause)}).`, { cause })
    const fault = faultOf(path)
    if (fault !== undefined) throw new CliError('NOT_OURS', `${path} ${fault}.`)
    if ((found.mode & openToOthers) !== 0) chmodSync(path, 0o700)
  }
}

/** Creates a directory in the system's temporary directory. @throws {CliError} NO_TEMPORARY_FOLDER */
export function makeTemporaryFolder(prefix: string): string {
  const base = resolve(tmpdir())
  try {
    return mkdtempSync(join(base, prefix))
  } catch (cause) {
    const why = `no directory could be created in ${base} (${messageOf(cause)}).`
    throw new CliError('NO_TEMPORARY_FOLDER', why, { cause })
  }
}

/**
 * This user's private directories with this prefix in the system's temporary directory. Empty if other users could replace
 * them.
 */
export function privateTemporaryFolders(prefix: string): readonly string[] {
  const base = resolve(tmpdir())
  const mode = statSync(base, { throwIfNoEntry: false })?.mode
  if (mode === undefined || ((mode & writableByOthers) !== 0 && (mode & sticky) === 0)) return []
  return namesIn(base)
    .filter((name) => name.startsWith(prefix))
    .map((name) => join(base, name))
    .filter((path) => faultOf(path) === undefined && (lstatSync(path).mode & openToOthers) === 0)
}

/** Why a path is not a directory of this user, or `undefined` if it is. */
function faultOf(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return 'does not exist'
  if (found.isSymbolicLink()) return 'is a symbolic link'
  if (!found.isDirectory()) return 'is not a directory'
  const uid = process.getuid?.()
  return uid === undefined || uid === found.uid
    ? undefined
    : `belongs to user ${found.uid}, but this process runs as user ${uid}`
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    // Not a directory, or not readable: it cannot contain directories of ours.
    return []
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
