import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface ServerCommand {
  readonly program: string
  readonly args: readonly string[]
  /** Resolves when it can be used; called again and again until then. */
  readonly ready: () => Promise<boolean>
}

const RETRY_MS = 50
const READY_WITHIN_MS = 90_000

/**
 * One server process with a folder of its own, which can be killed and started again. If this process is killed, a watchdog ends
 * the server.
 */
export class Server implements AsyncDisposable {
  /** Removed when the server is disposed of. */
  readonly folder: string
  readonly #name: string
  readonly #command: ServerCommand
  #child: ChildProcess | undefined
  #watchdog: ChildProcess | undefined
  /** The end of what it printed. */
  #printed = ''

  private constructor(name: string, folder: string, command: ServerCommand) {
    this.#name = name
    this.folder = folder
    this.#command = command
  }

  /**
   * Resolves when the server can be used. If it cannot, nothing of it is left.
   * @param prepare fills the new folder, in which the server runs until it is disposed of, and says how to start it there.
   */
  static async open(name: string, prepare: (folder: string) => Promise<ServerCommand>): Promise<Server> {
    const folder = await mkdtemp(join(tmpdir(), 'freshet-server-'))
    let server: Server | undefined
    try {
      server = new Server(name, folder, await prepare(folder))
      await server.start()
      return server
    } catch (error) {
      await server?.stop('SIGKILL')
      await rm(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** The end of what the server printed. */
  get printed(): string {
    return this.#printed
  }

  /** Resolves when the server can be used. */
  async start(): Promise<void> {
    const { program, args, ready } = this.#command
    // It must not receive the Ctrl-C of a terminal.
    const child = spawn(program, [...args], {
      cwd: this.folder,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    this.#watch(child)
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#printed = (this.#printed + text).slice(-20_000)
      })
    let failure: Error | undefined
    child.once('error', (error) => {
      failure = error
    })
    const until = Date.now() + READY_WITHIN_MS
    while (!(await ready())) {
      if (failure !== undefined) throw failure
      if (child.exitCode !== null || child.signalCode !== null || Date.now() > until)
        throw new Error(`${this.#name} did not start: ${this.#printed}`)
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
  }

  /** Resolves when the process has ended. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await ended
    this.#watchdog?.kill()
  }

  /** Kills the server, and removes its folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL')
    await rm(this.folder, { recursive: true, force: true })
  }

  #watch({ pid }: ChildProcess): void {
    if (pid === undefined || process.platform === 'win32') return
    this.#watchdog = spawn('sh', ['-c', `cat >/dev/null; kill -KILL ${pid}`], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    this.#watchdog.unref()
  }
}

/** The start of every command line: a small heap, and no time spent on optimizing. */
export function javaFlags(jars: string, heapMb: number): readonly string[] {
  return [
    `-Xmx${heapMb}m`,
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-cp',
    `${jars}/*`,
  ]
}
