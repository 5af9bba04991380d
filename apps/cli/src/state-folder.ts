import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAlive } from './is-alive.ts'

/** Where `freshet dev` keeps data, secrets and logs, below the folder it is started in. */
export const stateFolderName = '.freshet'

/** Temporary folders begin so; each names its run in a file. */
const temporaryPrefix = 'freshet-dev-'
const pidFile = 'pid'
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

  private constructor(path: string, ephemeral: boolean) {
    this.path = path
    this.ephemeral = ephemeral
  }

  static kept(cwd: string): StateFolder {
    const path = join(cwd, stateFolderName)
    mkdirSync(path, { recursive: true, mode: 0o700 })
    return new StateFolder(path, false)
  }

  static temporary(): StateFolder {
    const state = new StateFolder(mkdtempSync(join(tmpdir(), temporaryPrefix)), true)
    state.write(pidFile, String(process.pid))
    return state
  }

  /** Deletes the temporary folders of runs that were killed, with their data and secrets. */
  static removeLeftOver(): void {
    for (const name of readdirSync(tmpdir())) {
      if (!name.startsWith(temporaryPrefix)) continue
      const left = new StateFolder(join(tmpdir(), name), true)
      try {
        const pid = left.read(pidFile)
        // Without the file it is being made. The server of a run that was killed goes on for some seconds.
        if (pid !== undefined && !isAlive(Number(pid)) && left.serverPid() === undefined) left.close()
      } catch {
        // It belongs to somebody else.
      }
    }
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

  /** The process that uses the data now: a server writes its id there, and empties the file when it ends in order. */
  serverPid(): number | undefined {
    const pid = Number(this.read(join(dataFolder, 'mongod.lock')) ?? 0)
    return isAlive(pid) ? pid : undefined
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
    // A file that is there would keep its old mode.
    rmSync(this.file(name), { force: true })
    writeFileSync(this.file(name), content, { mode: 0o600 })
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

  /** Deletes a temporary folder; a kept one stays. `butLogs` leaves these until the next run starts. */
  close(butLogs?: 'butLogs'): void {
    if (!this.ephemeral) return
    const left = butLogs === undefined ? [] : [pidFile, logFolder]
    for (const name of readdirSync(this.path))
      if (!left.includes(name)) rmSync(this.file(name), { recursive: true, force: true })
    if (!existsSync(this.file(logFolder))) rmSync(this.path, { recursive: true, force: true })
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
