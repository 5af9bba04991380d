import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { appCommand } from '@freshet/testkit'
import { secret, writeCollectionFiles } from './open-writer.ts'

/** A writer in a child process. It can be killed and restarted, on other ports. */
export class WriterProcess implements AsyncDisposable {
  readonly #uri: string
  readonly #folder: string
  #child: ChildProcess | undefined
  #url = ''

  private constructor(uri: string, folder: string) {
    this.#uri = uri
    this.#folder = folder
  }

  static async start(uri: string): Promise<WriterProcess> {
    const folder = await mkdtemp(join(tmpdir(), 'freshet-writer-'))
    await writeCollectionFiles(folder)
    const writer = new WriterProcess(uri, folder)
    await writer.#start()
    return writer
  }

  /** Its current URL. */
  get url(): string {
    return this.#url
  }

  /** Kills the process, like a power failure, and starts a new one. */
  async killAndStart(): Promise<void> {
    await this.#kill()
    await this.#start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kill()
    await rm(this.#folder, { recursive: true })
  }

  async #kill(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  async #start(): Promise<void> {
    const options = ['--port=0', '--management-port=0', '--database=shop', '--log-level=error']
    const child = spawn(
      process.execPath,
      ['--max-old-space-size=512', ...appCommand('writer'), ...options, `--collections=${this.#folder}`],
      {
        env: { ...process.env, FRESHET_TOKEN_SECRET: secret, FRESHET_MONGODB_URI: this.#uri },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    this.#child = child
    await new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error('the writer ended before it listened')))
      createInterface({ input: child.stdout }).on('line', (line) => {
        const { msg, url }: { msg?: unknown; url?: unknown } = JSON.parse(line)
        // Anything else in the log is an error, and explains why a test failed.
        if (msg !== 'listening') return void process.stderr.write(`writer: ${line}\n`)
        this.#url = String(url)
        resolve()
      })
    })
  }
}
