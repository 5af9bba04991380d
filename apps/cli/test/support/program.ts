import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { appCommand, eventually } from '@freshet/testkit'
import { readIfExists } from '../../src/state-folder.ts'
import { Family } from './family.ts'

/** Without the options of tests, which programs refuse as unknown. */
const ofPrograms = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('FRESHET_TEST_')),
)

/** What a run of `freshet` printed, and its exit code. */
export interface Outcome {
  readonly code: number | null
  readonly printed: string
  readonly said: string
}

/** How a run differs from `freshet` in the environment of the test. */
export interface HowToRun {
  readonly program?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** A command that runs another one, placed before node. */
  readonly within?: readonly string[]
}

/**
 * `freshet` in a child process, by default in its own directory. It leads a process group, like a command typed into a
 * terminal, and ends when the test process ends.
 */
export class Program implements AsyncDisposable {
  readonly cwd: string
  readonly pid: number
  /** Resolves when the process has ended. */
  readonly outcome: Promise<Outcome>
  readonly #family: Family
  readonly #ownFolder: boolean
  readonly #disconnect: () => void
  #printed = ''
  #said = ''
  #firstLine: Promise<string>

  /** @param program what node runs instead, with its options */
  constructor(
    args: readonly string[],
    cwd?: string,
    { program = appCommand('cli'), env = {}, within = [] }: HowToRun = {},
  ) {
    this.#ownFolder = cwd === undefined
    this.cwd = cwd ?? mkdtempSync(join(tmpdir(), 'freshet-cli-'))
    const [command = process.execPath, ...words] = [...within, process.execPath, ...program, ...args]
    const child = spawn(command, words, {
      cwd: this.cwd,
      env: { ...ofPrograms, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    })
    this.pid = child.pid ?? 0
    this.#family = new Family(this.pid)
    this.#disconnect = () => child.disconnect()
    const { stdout, stderr } = child
    if (stdout === null || stderr === null) throw new Error('the pipes are missing')
    // Not the child's `close` event: Node.js does not emit it once this side has closed the channel.
    const gone = Promise.all([once(child, 'exit'), once(stdout, 'close'), once(stderr, 'close')])
    this.outcome = gone.then(([[code]]) => ({ code, printed: this.#printed, said: this.#said }))
    this.#firstLine = new Promise((resolve, reject) => {
      stdout.on('data', (chunk: Buffer) => {
        this.#printed += chunk.toString()
        if (this.#printed.includes('\n')) resolve(this.#printed.slice(0, this.#printed.indexOf('\n')))
      })
      void gone.then(() => reject(new Error(`it ended without a line: ${this.#said}`)))
    })
    this.#firstLine.catch(() => undefined)
    stderr.on('data', (chunk: Buffer) => (this.#said += chunk.toString()))
  }

  /** Its standard error output so far. */
  get said(): string {
    return this.#said
  }

  /** Its first line of output, parsed as JSON. */
  async json(): Promise<Record<string, unknown>> {
    return JSON.parse(await this.#firstLine) as Record<string, unknown>
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.pid, name)
  }

  /** Signals all processes of its group at once, as the terminal does for Ctrl-C. */
  signalGroup(name: NodeJS.Signals): void {
    process.kill(-this.pid, name)
  }

  /** Closes the channel to it, as when its parent process ends. */
  disconnect(): void {
    this.#disconnect()
  }

  /** Its running processes of all generations, including known ones whose parents have ended. */
  family(): readonly number[] {
    return this.#family.running()
  }

  /** Resolves when none of the processes that {@link family} has seen is running. */
  async gone(): Promise<void> {
    await eventually(() => assert.deepEqual(this.family(), []), { everyMs: 50 })
  }

  /** The command line of one of its processes. */
  static commandOf(pid: number): string {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A wrapping command may not forward signals.
    const node = this.family().find((pid) =>
      readIfExists(`/proc/${pid}/cmdline`)?.startsWith(process.execPath),
    )
    if (existsSync(`/proc/${this.pid}`)) process.kill(node ?? this.pid, 'SIGTERM')
    await this.outcome
    if (this.#ownFolder) rmSync(this.cwd, { recursive: true, force: true })
  }
}
