import type { MongoMemoryServer } from 'mongodb-memory-server-core'
import { MongodError } from './errors.ts'

/** One server of a replica set: can be stopped, killed and started again over the same data and port. */
export class Member {
  readonly port: number
  readonly #server: MongoMemoryServer

  constructor(server: MongoMemoryServer) {
    const port = server.instanceInfo?.port
    if (port === undefined) throw new MongodError('NOT_STARTED', 'a member has no port.')
    this.#server = server
    this.port = port
  }

  /** Process id, undefined while it is down. */
  get pid(): number | undefined {
    return this.#server.instanceInfo?.instance.mongodProcess?.pid
  }

  /** Settles when the process that runs now is gone, for whatever reason; at once when there is none. */
  async ended(): Promise<void> {
    const child = this.#server.instanceInfo?.instance.mongodProcess
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    await new Promise((resolve) => child.once('exit', resolve))
  }

  /** Shuts down in order; settles when the process is gone. */
  async stop(): Promise<void> {
    await this.#server.stop({ doCleanup: false, force: false })
  }

  /** Ends the process without any warning, as a machine does that loses its power. Settles when it is gone. */
  async kill(): Promise<void> {
    const gone = this.ended()
    this.#server.instanceInfo?.instance.mongodProcess?.kill('SIGKILL')
    await gone
    await this.stop()
  }

  /** Starts it again on its port; settles when it takes connections, which may be before it has a primary. */
  async start(): Promise<void> {
    await this.#server.start(true)
  }
}
