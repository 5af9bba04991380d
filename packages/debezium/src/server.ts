import { spawn, type ChildProcess } from 'node:child_process'

export interface ServerCommand {
  readonly name: string
  readonly program: string
  readonly args: readonly string[]
  readonly cwd: string
  /** Resolves when it can be used; called again and again until then. */
  readonly ready: () => Promise<boolean>
}

const RETRY_MS = 50
const READY_WITHIN_MS = 90_000

/** One server process, which can be killed and started again. If this process is killed, a watchdog ends the server. */
export class Server {
  readonly #command: ServerCommand
  #child: ChildProcess | undefined
  #watchdog: ChildProcess | undefined
  /** The end of what it printed. */
  #printed = ''

  constructor(command: ServerCommand) {
    this.#command = command
  }

  /** The end of what the server printed. */
  get printed(): string {
    return this.#printed
  }

  /** Resolves when the server can be used. */
  async start(): Promise<void> {
    const { name, program, args, cwd, ready } = this.#command
    // It must not receive the Ctrl-C of a terminal.
    const child = spawn(program, [...args], { cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
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
        throw new Error(`${name} did not start: ${this.#printed}`)
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
