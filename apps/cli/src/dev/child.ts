import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import type { WriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { CliError } from '../errors.ts'

/** Options of a child process. */
export interface ChildOptions {
  /** `writer`, `reader 1`: prefix of its output. */
  readonly name: string
  /** The file to run. */
  readonly main: string
  readonly args: readonly string[]
  /** Options of Node.js, before `main`. */
  readonly nodeArgs: readonly string[]
  /** The complete environment. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Receives all output. */
  readonly logFile: string
  /** Also receives warnings and errors. */
  readonly say: (text: string) => void
}

/** URLs that a service reports once its ports are open. */
export interface Endpoints {
  readonly url: string
  readonly managementUrl: string
}

const killAfterMs = 12_000
/** Levels of pino: https://github.com/pinojs/pino/blob/main/docs/api.md#loggerlevel-string-gettersetter */
const warningLevel = 40

/** A service in a child process. It does not receive the terminal's Ctrl-C; `stop` shuts it down in order. */
export class Child {
  readonly name: string
  readonly logFile: string
  /** Resolves with the reason when the process has ended. Never rejects. */
  readonly ended: Promise<string>
  readonly #process: ChildProcess
  readonly #endpoints: Promise<Endpoints>

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
    // The pipe breaks when the child dies, which `ended` reports.
    this.#process.stdin?.on('error', () => undefined)
    this.#endpoints = this.#listen(options)
    this.#endpoints.catch(() => undefined)
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  /** Resolves when its ports are open. @throws {CliError} CHILD_ENDED */
  endpoints(): Promise<Endpoints> {
    return this.#endpoints
  }

  /** Ends the process at once, as a crash would. */
  kill(): void {
    this.#process.kill('SIGKILL')
  }

  /** Stops the process, and kills it if that takes too long. Resolves when it has ended. */
  async stop(): Promise<void> {
    this.#process.kill('SIGTERM')
    const late = setTimeout(() => this.#process.kill('SIGKILL'), killAfterMs)
    await this.ended
    clearTimeout(late)
  }

  async #listen({ logFile, say }: ChildOptions): Promise<Endpoints> {
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
        if (entry?.endpoints !== undefined) resolve(entry.endpoints)
      })
      void this.#closing(log, reject)
    })
  }

  async #closing(log: WriteStream, reject: (error: CliError) => void): Promise<void> {
    const how = await this.ended
    log.end()
    // No effect if the endpoints are known already.
    reject(new CliError('CHILD_ENDED', `${how} before its ports were open. Its log is ${this.logFile}.`))
  }
}

interface Entry {
  readonly level: number | undefined
  readonly text: string
  readonly endpoints: Endpoints | undefined
}

/** Parses a log line. `undefined` if it is not a JSON object. */
function entryOf(line: string): Entry | undefined {
  const fields = parsed(line)
  if (fields === undefined) return undefined
  const { level, msg, url, managementUrl } = fields
  const named = typeof url === 'string' && typeof managementUrl === 'string'
  return {
    level: typeof level === 'number' ? level : undefined,
    text: [String(msg), ...subjectOf(fields), ...causeOf(fields)].join(': '),
    endpoints: msg === 'listening' && named ? { url, managementUrl } : undefined,
  }
}

/** The collection that a log line is about, and why. */
function subjectOf({ collection, reason }: Readonly<Record<string, unknown>>): readonly string[] {
  return [collection, reason].filter((value) => typeof value === 'string')
}

/** The code of a log line and its error message, unless the message starts with the code. */
function causeOf({ code, err }: Readonly<Record<string, unknown>>): readonly string[] {
  const message = typeof err === 'object' && err !== null && 'message' in err ? [String(err.message)] : []
  const included = typeof code !== 'string' || message.some((text) => text.startsWith(code))
  return included ? message : [code, ...message]
}

function parsed(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    // Not every line of output is a log line.
    return undefined
  }
}
