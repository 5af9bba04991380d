import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { copyData } from './base-backup.ts'
import { findFreePort } from './port.ts'
import { BIN_VARIABLE, copyPrograms } from './programs.ts'

const run = promisify(execFile)

export interface PostgresOptions {
  /** Server settings, for example `{ wal_level: 'logical' }`. */
  readonly settings?: Readonly<Record<string, string>>
  /** Keeps the data, durably, and starts again on what is there. Not for root, who cannot run PostgreSQL. */
  readonly kept?: {
    readonly folder: string
    /** That of the superuser, who gets it with new data. */
    readonly password: string
  }
}

/** Whether this process runs PostgreSQL as another user, who cannot read the private files of this one. */
export const runsAsOther = process.getuid?.() === 0

/** PostgreSQL refuses to run as root, which then uses the unprivileged user of every system. */
const nobody = 65_534
const identity = runsAsOther ? { uid: nobody, gid: nobody } : {}

const superuser = 'postgres'

const defaults: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '16MB',
}

/** For data that is thrown away. */
const throwAway: Readonly<Record<string, string>> = { fsync: 'off' }

/**
 * Starts a PostgreSQL on the loopback interface with new data and a superuser, in about two seconds. If this process is killed,
 * a watchdog stops the server.
 */
export async function startPostgres({ settings = {}, kept }: PostgresOptions = {}): Promise<Postgres> {
  const folder = await mkdtemp(join(tmpdir(), 'freshet-postgres-'))
  await chmod(folder, 0o755)
  try {
    const bin = process.env[BIN_VARIABLE] ?? (await copyPrograms(join(folder, 'programs'))).bin
    const data = kept?.folder ?? join(folder, 'data')
    await mkdir(data, { mode: 0o700, recursive: true })
    const password = kept?.password ?? randomBytes(12).toString('base64url')
    await initialize(bin, folder, data, password)
    const port = await findFreePort()
    const server = new Postgres({
      bin,
      folder,
      data,
      port,
      password,
      settings: { ...defaults, ...(kept ? {} : throwAway), ...settings },
    })
    await server.start()
    return server
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

/** Makes new data, unless there is some. */
async function initialize(bin: string, folder: string, data: string, password: string): Promise<void> {
  if (existsSync(join(data, 'PG_VERSION'))) return
  const passwordFile = join(folder, 'password')
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (identity.uid !== undefined)
    for (const path of [data, passwordFile]) await chown(path, identity.uid, identity.gid)
  const rules = ['--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions']
  await run(
    join(bin, 'initdb'),
    [...rules, `--pgdata=${data}`, `--username=${superuser}`, `--pwfile=${passwordFile}`],
    { ...identity, cwd: folder },
  )
  await rm(passwordFile)
}

interface PostgresParts {
  readonly bin: string
  /** Deleted at the end. */
  readonly folder: string
  readonly data: string
  readonly port: number
  readonly password: string
  readonly settings: Readonly<Record<string, string>>
}

/** How a server stops: `fast` ends all sessions first, `immediate` is like a power failure, and `kill` is `kill -9`. */
export type StopMode = keyof typeof signals

const signals = { fast: 'SIGINT', immediate: 'SIGQUIT', kill: 'SIGKILL' } as const

/** Between two tries to start after a kill, in milliseconds. */
const LEFT_PROCESSES_MS = 50

/** One server with its data. It can be stopped and started again. */
export class Postgres implements AsyncDisposable {
  readonly port: number
  readonly #parts: PostgresParts
  #child: ChildProcess | undefined
  #watchdog: ChildProcess | undefined
  /** The end of the server's log. */
  #printed = ''

  constructor(parts: PostgresParts) {
    this.#parts = parts
    this.port = parts.port
  }

  /** The directory of its data. */
  get data(): string {
    return this.#parts.data
  }

  /** The end of what the server has logged since its start. */
  get printed(): string {
    return this.#printed
  }

  /** The connection string of a user; of the superuser without one. */
  uri(database = 'postgres', user = superuser, password = this.#parts.password): string {
    const credentials = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`
    return `postgres://${credentials}@127.0.0.1:${this.port}/${database}`
  }

  /** Resolves when it accepts connections. Waits until no process of a killed server is left. */
  async start(): Promise<void> {
    for (;;) {
      const failure = await this.#tryStart().catch((error: unknown) => error)
      if (failure === undefined) return
      if (!/is still in use/.test(this.#printed)) throw failure
      await pause(LEFT_PROCESSES_MS)
    }
  }

  async #tryStart(): Promise<void> {
    const { bin, folder, data, port, settings } = this.#parts
    const flags = Object.entries({ ...settings, port: String(port) }).flatMap(([name, value]) => [
      '-c',
      `${name}=${value}`,
    ])
    this.#printed = ''
    const child = spawn(join(bin, 'postgres'), ['-D', data, ...flags], {
      ...identity,
      cwd: folder,
      // It must not receive the Ctrl-C of a terminal.
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#child = child
    this.#watch(child)
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', () => reject(new Error(`PostgreSQL did not start: ${this.#printed}`)))
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        this.#printed = (this.#printed + text).slice(-10_000)
        if (/is ready to accept (?:read-only )?connections/.test(this.#printed)) resolve()
      })
    })
  }

  /**
   * A streaming standby, not yet started, on a copy of the data of this running server, while nobody writes.
   * @param primaryPort where the standby finds this server.
   */
  async copyForStandby(primaryPort = this.port): Promise<Postgres> {
    const folder = await mkdtemp(join(tmpdir(), 'freshet-postgres-'))
    await chmod(folder, 0o755)
    const data = join(folder, 'data')
    await copyData({ uri: this.uri(), data: this.data, into: data })
    const primary = `host=127.0.0.1 port=${primaryPort} user=${superuser} password=${this.#parts.password}`
    return new Postgres({
      ...this.#parts,
      folder,
      data,
      port: await findFreePort(),
      settings: { ...this.#parts.settings, primary_conninfo: primary },
    })
  }

  /** Resolves when the running process has ended, for whatever reason. */
  async ended(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    await new Promise((resolve) => child.once('exit', resolve))
  }

  /** Resolves when the process has ended. */
  async stop(mode: StopMode = 'fast'): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signals[mode])
    await ended
    this.#watchdog?.kill()
  }

  /** Stops the server and deletes its data, unless that is kept. */
  async close(): Promise<void> {
    await this.stop(this.#parts.data.startsWith(this.#parts.folder) ? 'immediate' : 'fast')
    await rm(this.#parts.folder, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Stops the server when the standard input from this process ends. */
  #watch({ pid }: ChildProcess): void {
    if (pid === undefined || process.platform === 'win32') return
    this.#watchdog = spawn('sh', ['-c', `cat >/dev/null; kill -INT ${pid}`], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    this.#watchdog.unref()
  }
}
