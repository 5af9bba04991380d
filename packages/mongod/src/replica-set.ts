import { createHash } from 'node:crypto'
import { mkdir, readdir } from 'node:fs/promises'
import { MongodError } from './errors.ts'
import type { FoundMongod } from './find-mongod.ts'
import { Member } from './member.ts'
import { findFreePort, isPortFree } from './port.ts'
import type { Servers } from './servers.ts'

/** The root user. Access control is always on. */
export interface RootUser {
  readonly user: string
  readonly password: string
}

/** Options of a replica set. All except `mongod` and `root` have defaults for development. */
export interface ReplicaSetOptions {
  readonly mongod: FoundMongod
  readonly root: RootUser
  /** Number of servers; 1 by default. One starts in about half a second, three take some seconds. */
  readonly nodes?: number
  /** Size of the oplog in megabytes. MongoDB's minimum is 990 except on very small file systems. */
  readonly oplogSizeMb?: number
  /** Seconds between checkpoints; 60 by default. The oplog is truncated only at checkpoints. */
  readonly checkpointSeconds?: number
  /** Memory for the storage engine of each server, in gigabytes; 0.25 by default. */
  readonly cacheSizeGb?: number
  /** Server parameters, for example `{enableTestCommands: 1}` for fail points. */
  readonly setParameters?: Readonly<Record<string, string | number | boolean>>
  /**
   * A profiler filter. Each server records matching operations in `system.profile` of their database, across restarts.
   * Nothing is recorded by default.
   */
  readonly profiled?: Readonly<Record<string, unknown>>
  /** Data directory of a single server. Without it, `close` deletes the data. */
  readonly dbPath?: string
  /** The data in `dbPath` is not needed again: `close` kills the server. */
  readonly throwAway?: boolean
  /** Port of a single server. Existing data requires the port it was created with. */
  readonly port?: number
}

/** A running replica set. `close` resolves when all processes have ended. */
export interface ReplicaSet extends AsyncDisposable {
  /** Hosts and ports of all members. */
  readonly hosts: string
  readonly name: string
  readonly members: readonly Member[]
  /** Connection string of the root user. */
  rootUri(): string
  close(): Promise<void>
}

const setName = 'freshet'

/**
 * Starts a replica set on the loopback interface, with access control and a root user. The servers run in their own process
 * groups and do not receive the terminal's Ctrl-C, so the caller must close them. If this process is killed, a watchdog
 * stops them within seconds.
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
      `the data in ${dbPath} has no port: its first start was not completed.`,
    )
  }
  const ports = port === undefined ? await findFreePorts(nodes) : [port]
  // The library brings a driver of its own. A process that uses a running server does not load it.
  const { Servers } = await import('./servers.ts')
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
    // A graceful shutdown takes a second and only matters for data that will be read again.
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
  // FTDC writes to disk every second, and is not used here.
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

/** The key file that members authenticate with: 6 to 1,024 base64 characters. */
const keyOf = (root: RootUser): string => createHash('sha256').update(root.password).digest('base64')

async function hasData(dbPath: string): Promise<boolean> {
  await mkdir(dbPath, { recursive: true, mode: 0o700 })
  return (await readdir(dbPath)).includes('WiredTiger')
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
