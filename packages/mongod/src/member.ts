import type { MongoMemoryServer } from 'mongodb-memory-server-core'
import { MongodError } from './errors.ts'

/** One server of a replica set. It can be stopped, killed and restarted with the same data and port. */
export class Member {
  readonly port: number
  readonly #server: MongoMemoryServer

  constructor(server: MongoMemoryServer) {
    const port = server.instanceInfo?.port
    if (port === undefined) throw new MongodError('NOT_STARTED', 'a member has no port.')
    this.#server = server
    this.port = port
  }

  /** Process id; `undefined` while it is down. */
  get pid(): number | undefined {
    return this.#server.instanceInfo?.instance.mongodProcess?.pid
  }

  /** Resolves when the current process has ended; at once if there is none. */
  async ended(): Promise<void> {
    const child = this.#server.instanceInfo?.instance.mongodProcess
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    await new Promise((resolve) => child.once('exit', resolve))
  }

  /** Shuts down gracefully. Resolves when the process has ended. */
  async stop(): Promise<void> {
    await this.#server.stop({ doCleanup: false, force: false })
  }

  /** Kills the process, like a power failure. Resolves when it has ended. */
  async kill(): Promise<void> {
    const gone = this.ended()
    this.#server.instanceInfo?.instance.mongodProcess?.kill('SIGKILL')
    await gone
    await this.stop()
  }

  /** Restarts it on its port. Resolves when it accepts connections, possibly before there is a primary. */
  async start(): Promise<void> {
    await this.#server.start(true)
  }
}
