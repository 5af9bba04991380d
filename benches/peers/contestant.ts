import { fromSource, type TestDatabase } from '@freshet/testkit'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuSecondsOf } from '../shared/child.ts'
import { Clients, requestOf } from '../shared/load.ts'
import { secret } from '../shared/tokens.ts'
import type { ProbeQuestion } from './probe.ts'
import { collection, collectionFile, database as name, idOf } from './world.ts'

/** Where profiles of all contestants in Node.js go; none by default. */
const profiles = process.argv.find((word) => word.startsWith('--profiles='))?.slice('--profiles='.length)

const connections = 32

/** A server in a process of its own, with clients. */
export class Contestant implements AsyncDisposable {
  readonly name: string
  readonly port: number
  readonly clients: Clients
  readonly #process: ChildProcess
  readonly #folder: string | undefined

  constructor(name: string, port: number, process: ChildProcess, folder?: string) {
    this.name = name
    this.clients = new Clients(port, connections)
    this.port = port
    this.#process = process
    this.#folder = folder
  }

  /** CPU time so far, in steps of 10 ms. */
  async cpuSeconds(): Promise<number> {
    return await cpuSecondsOf(this.#process.pid ?? 0)
  }

  /** Node.js only. */
  async ask(question: Exclude<ProbeQuestion, 'exit'>): Promise<number> {
    const answered = once(this.#process, 'message')
    this.#process.send(question)
    const [milliseconds] = (await answered) as [number]
    return milliseconds
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.clients[Symbol.dispose]()
    const ended = once(this.#process, 'exit')
    if (this.#process.exitCode === null) {
      if (this.#process.connected) this.#process.send('exit' satisfies ProbeQuestion)
      else this.#process.kill()
      await ended
    }
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true })
  }
}

/** Contestants that end together. */
export class Contestants implements AsyncDisposable {
  readonly #all: Contestant[] = []

  async add(starting: Promise<Contestant>): Promise<Contestant> {
    const contestant = await starting
    this.#all.push(contestant)
    console.log(`started ${contestant.name}`)
    return contestant
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#all.toReversed()) await one[Symbol.asyncDispose]()
  }
}

/** Starts a program that logs where it listens as services do. */
async function startNode(
  contestant: string,
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
  folder?: string,
): Promise<Contestant> {
  const probe = `--import=${import.meta.resolve('./probe.ts')}`
  const profiling = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`]
  const child = spawn(process.execPath, [...fromSource, probe, ...profiling, ...words], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  if (!child.stdout) throw new Error('no output')
  const lines = createInterface({ input: child.stdout })
  for await (const line of lines) {
    const { msg, url, managementUrl }: Readonly<Record<string, string>> = JSON.parse(line)
    if (msg !== 'listening' || url === undefined) continue
    if (managementUrl !== undefined) await untilReady(managementUrl)
    child.stdout.resume()
    if (profiles !== undefined) console.log(`${contestant} has process ${child.pid}`)
    return new Contestant(contestant, Number(new URL(url).port), child, folder)
  }
  throw new Error(`${contestant} ended before it listened`)
}

async function untilReady(managementUrl: string): Promise<void> {
  while ((await fetch(`${managementUrl}/readyz`)).status !== 200) await sleep(20)
}

/** Starts a peer from a file of this folder. It inserts into a collection of its own. */
export async function startPeer(
  contestant: string,
  file: string,
  database: TestDatabase,
  mode = '',
): Promise<Contestant> {
  const own = `${file.split('-')[0]}_orders`
  return await startNode(contestant, [join(import.meta.dirname, file), database.adminUri, own, mode])
}

const cacheMiB = 512
/** A reader answers no more at once. */
const idsOfRequest = 200

export interface ServiceOptions {
  readonly access?: 'public' | 'authenticated'
  /** Further options of the program. */
  readonly words?: readonly string[]
}

/** Starts a service as its program does, with the heap that it would get. */
export async function startService(
  app: 'reader' | 'writer',
  database: TestDatabase,
  { access = 'public', words = [] }: ServiceOptions = {},
): Promise<Contestant> {
  const env = { FRESHET_MONGODB_URI: database.uriFor(app) }
  return await startOn(app, env, collectionFile(access), [`--database=${name}`, ...words])
}

/** Starts a service on any database. @param env names the database. */
export async function startOn(
  app: 'reader' | 'writer',
  env: Readonly<Record<string, string>>,
  file: object,
  further: readonly string[],
): Promise<Contestant> {
  const folder = await mkdtemp(join(tmpdir(), 'freshet-bench-'))
  await writeFile(join(folder, `${collection}.json`), JSON.stringify(file))
  const heapMiB = app === 'reader' ? Math.ceil(cacheMiB / 0.75) + 64 : 256
  const words = [
    `--max-old-space-size=${heapMiB}`,
    join(import.meta.dirname, '../../apps', app, 'src/main.ts'),
    '--port=0',
    '--management-port=0',
    '--log-level=error',
    // Connections are idle while others are measured.
    '--idle=10m',
    `--collections=${folder}`,
    ...(app === 'reader' ? [`--cache-size=${cacheMiB}MiB`] : []),
    ...further,
  ]
  return await startNode(app, words, { FRESHET_TOKEN_SECRET: secret, ...env }, folder)
}

/** Makes a reader cache the first documents, in requests for many at once. */
export async function fillReader(
  { clients }: Contestant,
  documents: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  let filled = 0
  const next = (): Buffer => {
    const ids = Array.from({ length: idsOfRequest }, () => idOf(filled++)).join()
    return requestOf('GET', `/v1/${collection}?ids=${ids}`, headers)
  }
  await clients.send(documents / idsOfRequest, next, 200)
}

/** nginx as a cache in front of a server; `undefined` where it is not installed. */
export async function startNginx(contestant: string, upstream: number): Promise<Contestant | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'freshet-bench-'))
  const port = await freePort()
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${folder}/${kind};`)
    .join(' ')
  const config = `daemon off; master_process off; pid ${folder}/pid; error_log stderr crit;
events { worker_connections 512; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_timeout 600s; keepalive_requests 1000000000; ${temporary}
  proxy_cache_path ${folder}/cache levels=1:2 keys_zone=orders:64m max_size=2g inactive=1h use_temp_path=off;
  upstream origin { server 127.0.0.1:${upstream}; keepalive 32; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_cache orders; proxy_cache_valid 200 1h;
    }
  }
}`
  await writeFile(join(folder, 'nginx.conf'), config)
  const child = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  try {
    await once(child, 'spawn')
  } catch {
    await rm(folder, { recursive: true, force: true })
    return undefined
  }
  for (;;) {
    if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}`)
    const socket = connect(port, '127.0.0.1')
    const open = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (open) return new Contestant(contestant, port, child, folder)
    await sleep(20)
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}
