import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { appCommand } from '@freshet/testkit'

const collections = fileURLToPath(new URL('../../../../collections', import.meta.url))

/** Options of a service. */
export interface ServiceProcessOptions {
  readonly app: 'reader' | 'writer'
  readonly uri: string
  readonly heapMiB: number
  readonly args: readonly string[]
}

/** A reader or writer in a child process, observed from outside. */
export class ServiceProcess implements AsyncDisposable {
  /** Log entries with level error or higher. */
  readonly errors: string[] = []
  url = ''
  managementUrl = ''
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  /** Resolves when its ports are open. */
  static async start({ app, uri, heapMiB, args }: ServiceProcessOptions): Promise<ServiceProcess> {
    const node = [`--max-old-space-size=${heapMiB}`, ...appCommand(app)]
    const options = ['--port=0', '--management-port=0', '--database=shop', `--collections=${collections}`]
    const child = spawn(
      process.execPath,
      [...node, ...options, '--no-tokens', '--log-level=error', ...args],
      {
        env: { ...process.env, FRESHET_MONGODB_URI: uri },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    const service = new ServiceProcess(child)
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the ${app} ended with ${code}`)))
      createInterface({ input: child.stdout }).on('line', (line) => {
        const { msg, url, managementUrl } = JSON.parse(line) as Record<string, unknown>
        if (msg !== 'listening') return void service.errors.push(line)
        service.url = String(url)
        service.managementUrl = String(managementUrl)
        resolve()
      })
    })
    return service
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Resident memory of the process, according to the system. */
  get residentMiB(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 2 ** 10
  }

  /** Number of open sockets and files. */
  get openFiles(): number {
    return readdirSync(`/proc/${this.#child.pid}/fd`).length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isAlive) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }
}
