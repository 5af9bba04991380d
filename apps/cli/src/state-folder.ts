import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CliError } from './errors.ts'
import { FileLock } from './file-lock.ts'
import { makeOwnFolder, makeTemporaryFolder, ownTemporaryFolders } from './own-folder.ts'

/** Where `freshet dev` keeps data, secrets and logs, below the folder it is started in. */
export const stateFolderName = '.freshet'

/** Temporary folders begin so. */
const temporaryPrefix = 'freshet-dev-'
/** Whoever holds its lock uses the folder. */
const lockFile = 'lock'
const temporaryTries = 5
const dataFolder = 'data'
const logFolder = 'logs'

/** The file with the private key that tokens for the services of `freshet dev` are signed with; they have its public half. */
export const tokenKeyFile = 'token-key'

/**
 * A folder for one run of `freshet dev`: `.freshet` in the current folder, or a temporary one that `remove` deletes.
 * Only its owner can enter it, and every file in it has mode 600.
 */
export class StateFolder {
  readonly path: string
  readonly ephemeral: boolean
  #lock: FileLock | undefined

  private constructor(path: string, ephemeral: boolean, lock?: FileLock) {
    this.path = path
    this.ephemeral = ephemeral
    this.#lock = lock
  }

  /** @throws {CliError} NOT_OURS */
  static kept(cwd: string): StateFolder {
    const path = join(cwd, stateFolderName)
    makeOwnFolder(path)
    return new StateFolder(path, false)
  }

  /** It is claimed. @throws {CliError} NO_TEMPORARY_FOLDER */
  static temporary(): StateFolder {
    for (let tried = 0; tried < temporaryTries; tried += 1) {
      const path = makeTemporaryFolder(temporaryPrefix)
      const lock = takenIn(path)
      // A run that starts at this moment may have taken it for one that is left over; it deletes it.
      if (lock !== undefined) return new StateFolder(path, true, lock)
    }
    throw new CliError('NO_TEMPORARY_FOLDER', `${temporaryTries} folders were made, and others took each.`)
  }

  /**
   * Deletes the temporary folders of runs that were killed, with their data and secrets. A folder is touched only when it
   * is this user's own and has the lock of a run, which nobody holds; the server of a killed run goes on for seconds.
   */
  static removeLeftOver(): void {
    for (const path of ownTemporaryFolders(temporaryPrefix)) {
      try {
        const lock = FileLock.take(join(path, lockFile), 'existing')
        const left = new StateFolder(path, true, lock)
        if (lock === undefined || left.serverRuns()) left.release()
        else left.close()
      } catch (error) {
        // Without a lock it is being made, or it is of something else.
        if (error instanceof CliError) throw error
      }
    }
  }

  /** Takes the folder for one run, until `release`, `close` or the end of the process; false: another run has it. */
  claim(): boolean {
    this.#lock ??= takenIn(this.path)
    return this.#lock !== undefined
  }

  release(): void {
    this.#lock?.release()
    this.#lock = undefined
  }

  /** Where the server that is started here keeps its data. */
  data(): string {
    return this.folder(dataFolder)
  }

  /** Whether there is anything in the folder of the data. */
  hasData(): boolean {
    const path = this.file(dataFolder)
    return existsSync(path) && readdirSync(path).length > 0
  }

  removeData(): void {
    rmSync(this.file(dataFolder), { recursive: true, force: true })
  }

  /** Whether a server uses the data now: it holds the lock of this file as long as it runs. */
  serverRuns(): boolean {
    return FileLock.isHeld(this.file(join(dataFolder, 'mongod.lock')))
  }

  /** The file that a service logs to. */
  logFile(slug: string): string {
    return join(this.folder(logFolder), `${slug}.log`)
  }

  file(name: string): string {
    return join(this.path, name)
  }

  /** Makes a folder in it and returns its path. */
  folder(name: string): string {
    const path = this.file(name)
    mkdirSync(path, { recursive: true, mode: 0o700 })
    return path
  }

  read(name: string): string | undefined {
    return readIfThere(this.file(name))
  }

  /** Writes a file that its owner alone may read; resolves with nothing, the path is `file(name)`. */
  write(name: string, content: string): void {
    // A file that is there would keep its old mode, and a link would be followed.
    rmSync(this.file(name), { force: true })
    writeFileSync(this.file(name), content, { mode: 0o600, flag: 'wx' })
  }

  /** A secret that is made once and then kept; without `make` it is one of 256 random bits. */
  secret(name: string, make = (): string => randomBytes(32).toString('base64url')): string {
    const kept = this.read(name)
    if (kept !== undefined && kept !== '') return kept
    const made = make()
    this.write(name, made)
    return made
  }

  remove(name: string): void {
    rmSync(this.file(name), { force: true })
  }

  /**
   * Deletes a temporary folder, what links in it lead to left alone; a kept one stays. `butLogs` leaves these until the
   * next run starts. Others may use it from then on.
   */
  close(butLogs?: 'butLogs'): void {
    try {
      if (this.ephemeral) this.#empty(butLogs === undefined ? [lockFile] : [lockFile, logFolder])
    } finally {
      this.release()
    }
  }

  #empty(stay: readonly string[]): void {
    for (const name of readdirSync(this.path))
      if (!stay.includes(name)) rmSync(this.file(name), { recursive: true, force: true })
    if (existsSync(this.file(logFolder))) return
    // The lock goes last: until then nobody takes the folder for one that is left over.
    this.remove(lockFile)
    rmdirSync(this.path)
  }
}

/** The lock of the folder, unless another run has it or deletes it now. */
function takenIn(path: string): FileLock | undefined {
  try {
    return FileLock.take(join(path, lockFile))
  } catch (error) {
    if (existsSync(path)) throw error
    return undefined
  }
}

/** A file that a `freshet dev` in this folder left, or nothing. */
export function readStateFile(world: { readonly cwd: string }, name: string): string | undefined {
  return readIfThere(join(world.cwd, stateFolderName, name))
}

/** The content of a file, or nothing when there is none. */
export function readIfThere(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}
