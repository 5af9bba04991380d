import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CliError } from './errors.ts'
import { FileLock } from './file-lock.ts'
import { makePrivateFolder, makeTemporaryFolder, privateTemporaryFolders } from './private-folder.ts'

/** Directory of `freshet dev` for data, secrets and logs, in the current directory. */
export const stateFolderName = '.freshet'

/** Prefix of temporary directories. */
const temporaryPrefix = 'freshet-dev-'
/** The holder of this lock owns the directory. */
const lockFile = 'lock'
const temporaryTries = 5
const dataFolder = 'data'
const logFolder = 'logs'

/** File with the private key that signs tokens. The services have its public half. */
export const tokenKeyFile = 'token-key'

/**
 * The state directory of one run of `freshet dev`: `.freshet` in the current directory, or a temporary one that `close`
 * deletes. Only its owner can access it, and every file in it has mode 600.
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
    makePrivateFolder(path)
    return new StateFolder(path, false)
  }

  /** Creates and claims a temporary directory. @throws {CliError} NO_TEMPORARY_FOLDER */
  static temporary(): StateFolder {
    for (let tried = 0; tried < temporaryTries; tried += 1) {
      const path = makeTemporaryFolder(temporaryPrefix)
      const lock = lockIn(path)
      // Another run that is just starting may consider it orphaned and delete it.
      if (lock !== undefined) return new StateFolder(path, true, lock)
    }
    throw new CliError(
      'NO_TEMPORARY_FOLDER',
      `${temporaryTries} directories were created, and other processes took each of them.`,
    )
  }

  /**
   * Deletes the temporary directories of killed runs, including data and secrets: directories of this user whose lock file is
   * not locked. The server of a killed run keeps running for some seconds.
   */
  static removeOrphaned(): void {
    for (const path of privateTemporaryFolders(temporaryPrefix)) {
      try {
        const lock = FileLock.take(join(path, lockFile), 'existing')
        const left = new StateFolder(path, true, lock)
        if (lock === undefined || left.serverRuns()) left.release()
        else left.close()
      } catch (error) {
        // No lock file: it is just being created, or is not ours.
        if (error instanceof CliError) throw error
      }
    }
  }

  /** Claims the directory until `release`, `close` or the end of the process. False if another run has it. */
  claim(): boolean {
    this.#lock ??= lockIn(this.path)
    return this.#lock !== undefined
  }

  release(): void {
    this.#lock?.release()
    this.#lock = undefined
  }

  /** Data directory of the local mongod. */
  data(): string {
    return this.folder(dataFolder)
  }

  /** Whether the data directory contains anything. */
  hasData(): boolean {
    const path = this.file(dataFolder)
    return existsSync(path) && readdirSync(path).length > 0
  }

  removeData(): void {
    rmSync(this.file(dataFolder), { recursive: true, force: true })
  }

  /** Whether a mongod is using the data: it locks this file while it runs. */
  serverRuns(): boolean {
    return FileLock.isHeld(this.file(join(dataFolder, 'mongod.lock')))
  }

  /** Log file of a service. */
  logFile(slug: string): string {
    return join(this.folder(logFolder), `${slug}.log`)
  }

  file(name: string): string {
    return join(this.path, name)
  }

  /** Creates a subdirectory and returns its path. */
  folder(name: string): string {
    const path = this.file(name)
    mkdirSync(path, { recursive: true, mode: 0o700 })
    return path
  }

  read(name: string): string | undefined {
    return readIfExists(this.file(name))
  }

  /** Writes a file with mode 600. Its path is `file(name)`. */
  write(name: string, content: string): void {
    // An existing file would keep its mode, and a link would be followed.
    rmSync(this.file(name), { force: true })
    writeFileSync(this.file(name), content, { mode: 0o600, flag: 'wx' })
  }

  /** Returns a stored secret, or creates it with `make`; 256 random bits by default. */
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
   * Releases the directory and, if it is temporary, deletes it without following links. With `butLogs`, the logs stay until the
   * next run starts.
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
    // The lock file is deleted last, so that no other run considers the directory orphaned before.
    this.remove(lockFile)
    rmdirSync(this.path)
  }
}

/** Locks a directory. `undefined` if another run has it or is just deleting it. */
function lockIn(path: string): FileLock | undefined {
  try {
    return FileLock.take(join(path, lockFile))
  } catch (error) {
    if (existsSync(path)) throw error
    return undefined
  }
}

/** Reads a file of the `freshet dev` state in the current directory, if it exists. */
export function readStateFile(context: { readonly cwd: string }, name: string): string | undefined {
  return readIfExists(join(context.cwd, stateFolderName, name))
}

/** The content of a file, or `undefined` if it does not exist. */
export function readIfExists(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}
