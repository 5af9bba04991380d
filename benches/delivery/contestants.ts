import { openTestDatabase, type TestDatabase } from '@freshet/testkit'
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { cpuSecondsOf, ServerChild } from '../shared/child.ts'
import type { Arrival, ClientsQuestion, Received, Returned } from './clients.ts'
import { secret } from '../shared/tokens.ts'
import { Messages, plainCollection, userName } from './world.ts'

/** A server that delivers, in a process of its own, with clients in other processes. */
export class Contestant implements AsyncDisposable {
  readonly name: string
  readonly messages: Messages
  readonly #pid: number
  readonly #port: number
  readonly #path: string
  readonly #child: ServerChild | ChildProcess
  readonly #clients: ServerChild[] = []

  private constructor(
    { name, path, collection }: Kind,
    database: TestDatabase,
    child: ServerChild | ChildProcess,
    port: number,
  ) {
    this.name = name
    this.messages = new Messages(database, collection)
    this.#path = path
    this.#child = child
    this.#pid = child.pid ?? 0
    this.#port = port
  }

  /** `undefined`: it cannot be built here. */
  static async start(kind: Kind, database: TestDatabase): Promise<Contestant | undefined> {
    const uri = kind.collection === undefined ? database.uriFor('delivery') : database.adminUri
    if (kind.file === undefined) return await startEngine(kind, database, uri, Contestant.#of)
    const child = new ServerChild(kind.name, kind.file, [uri])
    const { port } = (await child.ask({ listen: true })) as { readonly port: number }
    return new Contestant(kind, database, child, port)
  }

  static readonly #of = (kind: Kind, database: TestDatabase, child: ChildProcess, port: number): Contestant =>
    new Contestant(kind, database, child, port)

  /** Connects users with these numbers from another process of clients. */
  async connect(from: number, to: number, atOnce = 100): Promise<Returned> {
    const clients = new ServerChild('clients', '../delivery/clients-server.ts', [])
    this.#clients.push(clients)
    const open: ClientsQuestion = { open: { port: this.#port, path: this.#path, from, to, atOnce } }
    return (await clients.ask(open)) as Returned
  }

  /** Waits until each process of clients has this many more messages. */
  async received(messages: number): Promise<Received> {
    const all = (await this.#askAll({ expect: messages })) as readonly Received[]
    const sum = (field: keyof Received): number => all.reduce((total, one) => total + one[field], 0)
    return { messages: sum('messages'), frames: sum('frames') }
  }

  /** What came since the last call, which starts it. */
  async arrivals(): Promise<readonly Arrival[]> {
    return ((await this.#askAll({ arrivals: true })) as readonly (readonly Arrival[])[]).flat()
  }

  /** Cuts all connections at once. Resolves when all are back. */
  async cut(): Promise<readonly Returned[]> {
    return (await this.#askAll({ cut: true })) as readonly Returned[]
  }

  async disconnect(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((clients) => clients[Symbol.asyncDispose]()))
  }

  /** CPU time of the server process so far, in seconds, in steps of 10 ms. */
  async cpuSeconds(): Promise<number> {
    return await cpuSecondsOf(this.#pid)
  }

  /** Resident memory of the server process, after a collection where that can be asked for. */
  async residentKb(): Promise<number> {
    if (this.#child instanceof ServerChild) await this.#child.ask({})
    const status = await readFile(`/proc/${this.#pid}/status`, 'utf8')
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect()
    if (this.#child instanceof ServerChild) return await this.#child[Symbol.asyncDispose]()
    this.#child.kill()
    await once(this.#child, 'exit')
  }

  async #askAll(question: ClientsQuestion): Promise<readonly unknown[]> {
    return await Promise.all(this.#clients.map((clients) => clients.ask(question)))
  }
}

/** What a contestant runs. */
export interface Kind {
  readonly name: string
  readonly path: string
  /** `undefined`: the engine in Go. */
  readonly file?: string
  /** `undefined`: the messages of the writer. */
  readonly collection?: string
}

/** The service, a server written by hand, and the engine that Centrifugo is made of. */
export const kinds = {
  delivery: { name: 'delivery', path: '/connection/websocket', file: '../delivery/delivery-server.ts' },
  plain: { name: 'plain ws', path: '/', file: '../delivery/plain-server.ts', collection: plainCollection },
  engine: { name: 'centrifuge (Go)', path: '/connection/websocket', collection: 'engine_messages' },
} as const satisfies Record<string, Kind>

/** Starts those that can be built here, with one process of clients each. All users are members of the group `everyone`. */
export async function startAll(database: TestDatabase, wanted: readonly Kind[], users: number) {
  const everyone = Array.from({ length: users }, (_, index) => userName(index))
  await new Messages(database).addMembers('everyone', everyone)
  const all: Contestant[] = []
  for (const kind of wanted) {
    const contestant = await Contestant.start(kind, database)
    if (!contestant) continue
    all.push(contestant)
    await contestant.connect(0, users)
  }
  return {
    all,
    [Symbol.asyncDispose]: async () => {
      for (const one of all) await one[Symbol.asyncDispose]()
    },
  }
}

/** A database with a server of its own. */
export function openDatabase(): Promise<TestDatabase> {
  return openTestDatabase({ own: true, messages: true })
}

type Make = (kind: Kind, database: TestDatabase, child: ChildProcess, port: number) => Contestant

async function startEngine(
  kind: Kind,
  database: TestDatabase,
  uri: string,
  make: Make,
): Promise<Contestant | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'freshet-bench-'))
  const binary = join(folder, 'engine')
  try {
    const cwd = join(import.meta.dirname, 'engine')
    await promisify(execFile)('go', ['build', '-mod=readonly', '-buildvcs=false', '-o', binary, '.'], { cwd })
    const child = spawn(binary, [uri, secret], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
    return make(kind, database, child, Number(line))
  } catch (error) {
    console.log(
      `without ${kind.name}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`,
    )
    return undefined
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
