import { createHash } from 'node:crypto'
import { mkdir, readdir } from 'node:fs/promises'
import { MongodError } from './errors.ts'
import type { FoundMongod } from './find-mongod.ts'
import { Member } from './member.ts'
import { findFreePort, isPortFree } from './port.ts'
import { Servers } from './servers.ts'

/** The first user: may do everything. Access control is always on. */
export interface RootUser {
  readonly user: string
  readonly password: string
}

/** How the servers are started. Everything beside `mongod` and `root` has a default for development. */
export interface ReplicaSetOptions {
  readonly mongod: FoundMongod
  readonly root: RootUser
  /** Number of servers; one by default. One is up in about half a second, three need some seconds. */
  readonly nodes?: number
  /** Size of the oplog in megabytes; MongoDB's smallest is 990 unless the file system is tiny. */
  readonly oplogSizeMb?: number
  /** Seconds between checkpoints; 60 by default. The oplog is cut at checkpoints only. */
  readonly checkpointSeconds?: number
  /** Memory for the storage engine of each server, in gigabytes; 0.25 by default. */
  readonly cacheSizeGb?: number
  /** Server parameters, such as `{enableTestCommands: 1}` for fail points. */
  readonly setParameters?: Readonly<Record<string, string | number | boolean>>
  /**
   * A query for operations, over the documents of the profiler: what fits is kept in `system.profile` of its database,
   * on each server by itself, across restarts. Nothing is kept by default.
   */
  readonly profiled?: Readonly<Record<string, unknown>>
  /** Keeps the data of a single server here, and its key; without it they are gone after `close`. */
  readonly dbPath?: string
  /** The data in `dbPath` is read by nobody again, so `close` does not wait for an orderly shutdown. */
  readonly throwAway?: boolean
  /** Port of a single server. Data that was kept belongs to the port it was made with. */
  readonly port?: number
}

/** A running replica set. `close` stops every process and settles when they are gone. */
export interface ReplicaSet extends AsyncDisposable {
  /** Address of all members, with the name of the set and without credentials. */
  readonly hosts: string
  readonly name: string
  readonly members: readonly Member[]
  /** Connection string of the root user; `direct` speaks to one member only. */
  rootUri(): string
  close(): Promise<void>
}

const setName = 'freshet'

/**
 * Starts a replica set on the loopback with access control on and its first user made. The servers do not hear the
 * terminal's Ctrl-C (they are in process groups of their own): whoever started them closes them, in their order. If
 * this process is killed, a watchdog ends them within seconds.
 * @throws {MongodError} PORT_TAKEN, SET_UP_CUT_OFF, NOT_STARTED
 */
export async function startReplicaSet(options: ReplicaSetOptions): Promise<ReplicaSet> {
  const { mongod, root, nodes = 1, dbPath, port } = options
  if (port !== undefined && !(await isPortFree(port))) {
    throw new MongodError('PORT_TAKEN', `the port ${port} on 127.0.0.1 is in use.`)
  }
  const kept = dbPath !== undefined && (await hasData(dbPath))
  if (kept && port === undefined) {
    throw new MongodError(
      'SET_UP_CUT_OFF',
      `the data in ${dbPath} has no port: its first start did not finish.`,
    )
  }
  const ports = port === undefined ? await findFreePorts(nodes) : [port]
  const servers = new Servers(
    { kept, dbPath },
    {
      binary: { systemBinary: mongod.binary, version: mongod.version },
      instanceOpts: ports.map((port) => ({ port, ...(dbPath === undefined ? {} : { dbPath }) })),
      replSet: {
        name: setName,
        count: nodes,
        ip: '127.0.0.1',
        storageEngine: 'wiredTiger',
        auth: {
          enable: true,
          customRootName: root.user,
          customRootPwd: root.password,
          keyfileContent: keyOf(root),
        },
        args: serverArguments(options),
        spawn: { detached: true },
        // Elections in tests and development should take a second, not ten.
        configSettings: nodes > 1 ? { electionTimeoutMillis: 2_000, heartbeatIntervalMillis: 250 } : {},
      },
    },
  )
  try {
    await servers.start()
  } catch (cause) {
    await servers.stop({ doCleanup: true }).catch(() => undefined)
    throw new MongodError('NOT_STARTED', `mongod did not start (${messageOf(cause)}).`, { cause })
  }
  return new RunningReplicaSet(servers, root, options.throwAway ?? dbPath === undefined)
}

class RunningReplicaSet implements ReplicaSet {
  readonly hosts: string
  readonly name = setName
  readonly members: readonly Member[]
  readonly #servers: Servers
  readonly #root: RootUser
  readonly #throwAway: boolean

  constructor(servers: Servers, root: RootUser, throwAway: boolean) {
    this.#servers = servers
    this.#root = root
    this.#throwAway = throwAway
    this.members = servers.servers.map((server) => new Member(server))
    this.hosts = this.members.map((member) => `127.0.0.1:${member.port}`).join(',')
  }

  rootUri(): string {
    const { user, password } = this.#root
    const credentials = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`
    return `mongodb://${credentials}@${this.hosts}/?replicaSet=${setName}&authSource=admin`
  }

  async close(): Promise<void> {
    // An orderly shutdown takes a second, and is only worth it for data that will be read again.
    if (this.#throwAway) await Promise.all(this.members.map((member) => member.kill()))
    await this.#servers.stop({ doCleanup: true, force: false })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

async function findFreePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) ports.add(await findFreePort())
  return [...ports]
}

function serverArguments({
  oplogSizeMb,
  checkpointSeconds,
  cacheSizeGb = 0.25,
  setParameters = {},
  profiled,
}: ReplicaSetOptions): string[] {
  // The flight recorder writes to the disk every second and nobody reads it here.
  const parameters = { diagnosticDataCollectionEnabled: false, ...setParameters }
  return [
    '--nounixsocket',
    '--wiredTigerCacheSizeGB',
    String(cacheSizeGb),
    ...(oplogSizeMb === undefined ? [] : ['--oplogSize', String(oplogSizeMb)]),
    ...(checkpointSeconds === undefined ? [] : ['--syncdelay', String(checkpointSeconds)]),
    ...(profiled === undefined ? [] : ['--profile', '1', '--profileFilter', JSON.stringify(profiled)]),
    ...Object.entries(parameters).flatMap(([name, value]) => ['--setParameter', `${name}=${String(value)}`]),
  ]
}

/** The members prove themselves to each other by a shared key: base64 text of 6 to 1,024 characters. */
const keyOf = (root: RootUser): string => createHash('sha256').update(root.password).digest('base64')

async function hasData(dbPath: string): Promise<boolean> {
  await mkdir(dbPath, { recursive: true, mode: 0o700 })
  return (await readdir(dbPath)).includes('WiredTiger')
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
