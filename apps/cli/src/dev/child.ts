import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import type { WriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { CliError } from '../errors.ts'

/** How a child is started. */
export interface ChildOptions {
  /** `writer`, `reader 1`: stands before its lines. */
  readonly name: string
  /** The file to run. */
  readonly main: string
  readonly args: readonly string[]
  /** Options for node itself; they go before `main`. */
  readonly nodeArgs: readonly string[]
  /** The whole environment. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Everything it prints goes here. */
  readonly logFile: string
  /** Warnings and errors are said here too. */
  readonly say: (text: string) => void
}

/** The addresses that a service names when its ports are open. */
export interface Doors {
  readonly url: string
  readonly managementUrl: string
}

const killAfterMs = 12_000
/** Levels of pino: https://github.com/pinojs/pino/blob/main/docs/api.md#loggerlevel-string-gettersetter */
const warningLevel = 40

/** A service as a process of its own. It does not hear the terminal's Ctrl-C: it is stopped by us, in order. */
export class Child {
  readonly name: string
  readonly logFile: string
  /** Settles with a sentence when the process is gone, for whatever reason; never rejects. */
  readonly ended: Promise<string>
  readonly #process: ChildProcess
  readonly #doors: Promise<Doors>

  constructor(options: ChildOptions) {
    this.name = options.name
    this.logFile = options.logFile
    this.#process = spawn(process.execPath, [...options.nodeArgs, options.main, ...options.args], {
      env: { ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    })
    this.ended = new Promise((resolve) => {
      this.#process.once('error', (error) => resolve(`${this.name} could not be started: ${error.message}`))
      this.#process.once('close', (code, signal) =>
        resolve(`${this.name} ended with ${signal === null ? `exit code ${code}` : signal}`),
      )
    })
    // The pipe breaks when the child dies; `ended` tells that.
    this.#process.stdin?.on('error', () => undefined)
    this.#doors = this.#listen(options)
    this.#doors.catch(() => undefined)
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  /** Settles when its ports are open. @throws {CliError} CHILD_ENDED */
  doors(): Promise<Doors> {
    return this.#doors
  }

  /** Asks it to stop, and kills it when it takes too long; settles when it is gone. */
  async stop(): Promise<void> {
    this.#process.kill('SIGTERM')
    const late = setTimeout(() => this.#process.kill('SIGKILL'), killAfterMs)
    await this.ended
    clearTimeout(late)
  }

  async #listen({ logFile, say }: ChildOptions): Promise<Doors> {
    const log = createWriteStream(logFile, { flags: 'a', mode: 0o600 })
    const lines = (stream: Readable | null, take: (line: string) => void): void => {
      if (stream !== null) createInterface({ input: stream }).on('line', take)
    }
    return new Promise((resolve, reject) => {
      lines(this.#process.stderr, (line) => {
        log.write(`${line}\n`)
        say(`[${this.name}] ${line}`)
      })
      lines(this.#process.stdout, (line) => {
        log.write(`${line}\n`)
        const entry = entryOf(line)
        if (entry?.level !== undefined && entry.level >= warningLevel) say(`[${this.name}] ${entry.text}`)
        if (entry?.doors !== undefined) resolve(entry.doors)
      })
      void this.#closing(log, reject)
    })
  }

  async #closing(log: WriteStream, reject: (error: CliError) => void): Promise<void> {
    const how = await this.ended
    log.end()
    // Does nothing when the doors are known already.
    reject(new CliError('CHILD_ENDED', `${how} before its ports were open. Its log is ${this.logFile}.`))
  }
}

interface Entry {
  readonly level: number | undefined
  readonly text: string
  readonly doors: Doors | undefined
}

/** One line of a service's log; nothing when it is no JSON object. */
function entryOf(line: string): Entry | undefined {
  const fields = parsed(line)
  if (fields === undefined) return undefined
  const { level, msg, url, managementUrl } = fields
  const named = typeof url === 'string' && typeof managementUrl === 'string'
  return {
    level: typeof level === 'number' ? level : undefined,
    text: [String(msg), ...causeOf(fields)].join(': '),
    doors: msg === 'listening' && named ? { url, managementUrl } : undefined,
  }
}

/** The code of a line and the message of its error, which mostly begins with the code. */
function causeOf({ code, err }: Readonly<Record<string, unknown>>): readonly string[] {
  const message = typeof err === 'object' && err !== null && 'message' in err ? [String(err.message)] : []
  const told = typeof code !== 'string' || message.some((text) => text.startsWith(code))
  return told ? message : [code, ...message]
}

function parsed(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    // Not every line of a process is ours.
    return undefined
  }
}
