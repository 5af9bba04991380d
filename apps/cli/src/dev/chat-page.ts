import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Log, Part } from '@freshet/kit'
import { localUrlOf, urlOf } from './host.ts'

/** A service; its URL is empty until it has started. */
interface StartedService {
  readonly endpoints: { readonly url: string }
}

/** A delivery instance that the page may kill. */
interface KillableService extends StartedService {
  readonly name: string
  readonly ready: boolean
  /** Starts again after this time. */
  kill(awayMs: number): void
}

/** Options of the chat page. */
export interface ChatPageOptions {
  /** 0: any free port. */
  readonly port: number
  readonly users: readonly string[]
  readonly writer: StartedService
  readonly readers: readonly StartedService[]
  readonly deliveries: readonly KillableService[]
  readonly tokenFor: (user: string) => Promise<string>
  readonly log: Log
}

/** Where the page listens, whatever `--host` says. */
export const chatHost = '127.0.0.1'
/** Long enough to watch clients at the other instance. */
const awayMs = 8_000
const maxConnections = 100

const files = new URL('../../../../examples/chat/', import.meta.url)
/** What is served; there is no path to any other file. */
const served: ReadonlySet<string> = new Set([
  'index.html',
  'events.html',
  'style.css',
  ...['account', 'chat', 'conversation', 'events', 'instances', 'panel'].map((name) => `src/${name}.js`),
  // The unmodified package.
  'node_modules/centrifuge/build/index.mjs',
])

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
}

/**
 * Serves `examples/chat`, what it needs to know of this run, and tokens of the sample users. For this machine only: whoever can
 * open the page acts as these users.
 */
export class ChatPage implements Part {
  readonly name = 'chat page'
  readonly #options: ChatPageOptions
  readonly #server: Server

  constructor(options: ChatPageOptions) {
    this.#options = options
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        options.log.warn({ err: error }, 'the chat page could not answer')
        if (!response.headersSent) send(response, 500, 'text/plain', 'See the output of npm run dev.\n')
        else response.destroy()
      })
    })
    this.#server.maxConnections = maxConnections
  }

  /** The origin of the page. Known once it has started, which is before the services that have to allow it. */
  get url(): string {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? urlOf(chatHost, address.port) : ''
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#options.port, chatHost, resolve)
    })
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', headers, url = '' } = request
    // Another name for this address may belong to anyone (DNS rebinding), and has no access to the services anyway.
    if (headers.host !== new URL(this.url).host)
      return void response.writeHead(308, { location: this.url }).end()
    const path = url.split('?')[0]?.slice(1) || 'index.html'
    if (method === 'POST') {
      // Browsers always send it with a POST, and no page can forge it.
      if (headers.origin !== this.url) return send(response, 403, 'text/plain', 'Only for this page.\n')
      return this.#post(path, response)
    }
    if (method !== 'GET') return void response.writeHead(405, { allow: 'GET, POST' }).end()
    if (path === 'run.json') return sendJson(response, this.#run())
    if (!served.has(path)) return send(response, 404, 'text/plain', 'There is no such page.\n')
    if (this.#services().includes(''))
      return send(response, 503, 'text/plain', 'Freshet is starting. Reload in a moment.\n')
    const type = types[extname(path)] ?? 'application/octet-stream'
    send(response, 200, type, await readFile(fileURLToPath(new URL(path, files))), this.#policy())
  }

  async #post(path: string, response: ServerResponse): Promise<void> {
    const { users, deliveries, tokenFor } = this.#options
    const [, user = ''] = /^tokens\/(\w+)$/.exec(path) ?? []
    if (users.includes(user)) return sendJson(response, { token: await tokenFor(user) })
    const [, number = ''] = /^deliveries\/(\d{1,3})\/kill$/.exec(path) ?? []
    const delivery = deliveries[Number(number) - 1]
    if (delivery === undefined) return send(response, 404, 'text/plain', 'There is nothing here.\n')
    delivery.kill(awayMs)
    response.writeHead(204).end()
  }

  #run(): object {
    const { users, writer, readers, deliveries } = this.#options
    const instances = deliveries.map((one) => ({ name: one.name, url: urlIn(one), running: one.ready }))
    return { users, writer: urlIn(writer), reader: readers.map(urlIn)[0], deliveries: instances }
  }

  #services(): readonly string[] {
    const { writer, readers, deliveries } = this.#options
    return [writer, ...readers, ...deliveries].map(urlIn)
  }

  /** Scripts of this page only, and connections to nothing but the services. */
  #policy(): Readonly<Record<string, string>> {
    const services = this.#services()
    const sockets = services.map((url) => url.replace('http', 'ws'))
    const policy = [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      'img-src data:',
      `connect-src 'self' ${[...services, ...sockets].join(' ')}`,
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]
    return { 'content-security-policy': policy.join('; '), 'referrer-policy': 'no-referrer' }
  }
}

function urlIn({ endpoints: { url } }: StartedService): string {
  return url === '' ? '' : localUrlOf(url)
}

function sendJson(response: ServerResponse, value: object): void {
  send(response, 200, 'application/json', JSON.stringify(value))
}

function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    'content-type': type,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  })
  response.end(body)
}
