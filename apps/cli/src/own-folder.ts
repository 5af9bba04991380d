import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { CliError } from './errors.ts'

const openToOthers = 0o077
const writableByOthers = 0o022
/** In such a folder only its owner may rename or remove an entry: https://man7.org/linux/man-pages/man7/inode.7.html */
const sticky = 0o1000

/**
 * Makes a folder that only its owner can enter, or sees that one that is there is such a one.
 * @throws {CliError} NOT_OURS: a link, a file, or of another user; what is in it would be in others' hands.
 */
export function makeOwnFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (cause) {
    const there = lstatSync(path, { throwIfNoEntry: false })
    if (there === undefined)
      throw new CliError('NOT_OURS', `${path} could not be made (${messageOf(cause)}).`, { cause })
    const fault = faultOf(path)
    if (fault !== undefined) throw new CliError('NOT_OURS', `${path} ${fault}.`)
    if ((there.mode & openToOthers) !== 0) chmodSync(path, 0o700)
  }
}

/** Makes a folder below that of the system for temporary files. @throws {CliError} NO_TEMPORARY_FOLDER */
export function makeTemporaryFolder(prefix: string): string {
  const base = resolve(tmpdir())
  try {
    return mkdtempSync(join(base, prefix))
  } catch (cause) {
    const why = `no folder could be made in ${base} (${messageOf(cause)}).`
    throw new CliError('NO_TEMPORARY_FOLDER', why, { cause })
  }
}

/**
 * Folders of this user below that of the system for temporary files whose name begins so; nothing when there is none, or
 * when others could put something else in their place.
 */
export function ownTemporaryFolders(prefix: string): readonly string[] {
  const base = resolve(tmpdir())
  const mode = statSync(base, { throwIfNoEntry: false })?.mode
  if (mode === undefined || ((mode & writableByOthers) !== 0 && (mode & sticky) === 0)) return []
  return namesIn(base)
    .filter((name) => name.startsWith(prefix))
    .map((name) => join(base, name))
    .filter((path) => faultOf(path) === undefined && (lstatSync(path).mode & openToOthers) === 0)
}

/** Why a path is no folder of this user; nothing when it is one. */
function faultOf(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return 'is not there'
  if (found.isSymbolicLink()) return 'is a symbolic link, and what it leads to may be of others'
  if (!found.isDirectory()) return 'is no folder'
  const uid = process.getuid?.()
  return uid === undefined || uid === found.uid
    ? undefined
    : `belongs to user ${found.uid}, and this process runs as user ${uid}`
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    // It is no folder, or closed to us: nothing of ours can be there.
    return []
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
