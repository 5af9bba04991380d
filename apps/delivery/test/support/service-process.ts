import { strict as assert } from 'node:assert'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { appCommand, CutProxy, eventually } from '@freshet/testkit'
import { SECRET, TICKETS } from './real-delivery.ts'

const collections = fileURLToPath(new URL('../../../../collections', import.meta.url))

/** Options of a service. */
export interface ServiceProcessOptions {
  readonly app: 'delivery' | 'reader' | 'writer'
  readonly uri: string
  readonly args?: readonly string[]
}

/** A service in a child process, behind an address that stays the same when it is killed and started again. */
export class ServiceProcess implements AsyncDisposable {
  readonly proxy: CutProxy
  readonly #options: ServiceProcessOptions
  #child: ChildProcess
  #managementUrl = ''

  private constructor(options: ServiceProcessOptions, proxy: CutProxy, child: ChildProcess) {
    this.#options = options
    this.proxy = proxy
    this.#child = child
  }

  /** Resolves when it is ready. */
  static async start(options: ServiceProcessOptions): Promise<ServiceProcess> {
    const { child, url, managementUrl } = await spawned(options)
    const service = new ServiceProcess(options, await CutProxy.open(Number(new URL(url).port)), child)
    service.#managementUrl = managementUrl
    await service.ready()
    return service
  }

  get url(): string {
    return `http://127.0.0.1:${this.proxy.port}`
  }

  get webSocketUrl(): string {
    return `ws://127.0.0.1:${this.proxy.port}/connection/websocket`
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  async isReady(): Promise<boolean> {
    const response = await fetch(`${this.#managementUrl}/readyz`).catch(() => undefined)
    return response?.status === 200
  }

  ready(): Promise<void> {
    return eventually(async () => assert(await this.isReady(), `the ${this.#options.app} is not ready`))
  }

  async metrics(): Promise<string> {
    return await (await fetch(`${this.#managementUrl}/metrics`)).text()
  }

  /**
   * SIGKILL is like a power failure, SIGTERM an orderly stop. Resolves when the process has ended. Its address refuses
   * connections from then on, because another process may get the port.
   */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (!this.isRunning) return
    const gone = once(this.#child, 'exit')
    this.#child.kill(signal)
    await gone
    this.proxy.cut()
  }

  /** The process stands still until `SIGCONT`. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal)
  }

  /** Starts it again after `end`. Like a load balancer, its address leads to it once it is ready, which is when this resolves. */
  async startAgain(): Promise<void> {
    const { child, url, managementUrl } = await spawned(this.#options)
    this.#child = child
    this.#managementUrl = managementUrl
    await this.ready()
    this.proxy.redirectTo(Number(new URL(url).port))
    this.proxy.resume()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL')
    await this.proxy[Symbol.asyncDispose]()
  }
}

/** Resolves when its ports are open. */
async function spawned({ app, uri, args = [] }: ServiceProcessOptions) {
  const own = ['--port=0', '--management-port=0', '--database=shop', '--log-level=error']
  const child = spawn(
    process.execPath,
    [
      '--max-old-space-size=768',
      ...appCommand(app),
      ...own,
      ...(app === 'delivery' ? [] : [`--collections=${collections}`]),
      ...args,
    ],
    {
      env: {
        ...process.env,
        FRESHET_TOKEN_SECRET: SECRET,
        FRESHET_MONGODB_URI: uri,
        ...(app === 'delivery' && { FRESHET_TICKET_SECRET: TICKETS }),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  return await new Promise<{
    readonly child: ChildProcess
    readonly url: string
    readonly managementUrl: string
  }>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the ${app} ended with ${code}`)))
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { msg, url, managementUrl }: Readonly<Record<string, unknown>> = JSON.parse(line)
      if (msg === 'listening') resolve({ child, url: String(url), managementUrl: String(managementUrl) })
    })
  })
}
