import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { appCommand, eventually } from '@freshet/testkit'
import { readIfExists } from '../../src/state-folder.ts'
import { Family } from './family.ts'

/** What a run of `freshet` printed, and how it ended. */
export interface Outcome {
  readonly code: number | null
  readonly printed: string
  readonly said: string
}

/** What is different from running `freshet` in the environment of the test. */
export interface HowToRun {
  readonly program?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** A command that runs another one: stands before node. */
  readonly within?: readonly string[]
}

/**
 * `freshet` as a process of its own, in a folder of its own unless one is given. It leads a process
 * group, as a command does that is typed into a terminal, and ends when the test's process is gone.
 */
export class Program implements AsyncDisposable {
  readonly cwd: string
  readonly pid: number
  /** Settles when the process is gone. */
  readonly outcome: Promise<Outcome>
  readonly #family: Family
  readonly #ownFolder: boolean
  readonly #disconnect: () => void
  #printed = ''
  #said = ''
  #firstLine: Promise<string>

  /** `program`: what node is to run instead, with its own options. */
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
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    })
    this.pid = child.pid ?? 0
    this.#family = new Family(this.pid)
    this.#disconnect = () => child.disconnect()
    const { stdout, stderr } = child
    if (stdout === null || stderr === null) throw new Error('the pipes are missing')
    // Not `close` of the child: Node does not emit it once the channel was closed from this side.
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

  /** What it said to standard error so far. */
  get said(): string {
    return this.#said
  }

  /** The first line that it prints, as JSON. */
  async json(): Promise<Record<string, unknown>> {
    return JSON.parse(await this.#firstLine) as Record<string, unknown>
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.pid, name)
  }

  /** As the terminal does it with Ctrl-C: to all processes of its group at once. */
  signalGroup(name: NodeJS.Signals): void {
    process.kill(-this.pid, name)
  }

  /** Closes the channel to it, as happens when the program that started it is gone. */
  disconnect(): void {
    this.#disconnect()
  }

  /** Its processes of all generations that run now; those that were seen before are remembered. */
  family(): readonly number[] {
    return this.#family.running()
  }

  /** Settles when none of those that {@link family} has seen runs any more. */
  async gone(): Promise<void> {
    await eventually(() => assert.deepEqual(this.family(), []), { everyMs: 50 })
  }

  /** The command line of one of its processes. */
  static commandOf(pid: number): string {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What it runs within may not pass a signal on.
    const node = this.family().find((pid) =>
      readIfExists(`/proc/${pid}/cmdline`)?.startsWith(process.execPath),
    )
    if (existsSync(`/proc/${this.pid}`)) process.kill(node ?? this.pid, 'SIGTERM')
    await this.outcome
    if (this.#ownFolder) rmSync(this.cwd, { recursive: true, force: true })
  }
}
