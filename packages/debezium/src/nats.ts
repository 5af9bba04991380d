import { findFreePort } from '@freshet/postgres'
import { accepts } from './kafka.ts'
import { Server } from './server.ts'

/** One NATS server with JetStream on the loopback interface with new data, in less than a second. */
export class Nats implements AsyncDisposable {
  readonly server: Server
  /** `nats://host:port` */
  readonly uri: string

  private constructor(uri: string, server: Server) {
    this.uri = uri
    this.server = server
  }

  /** @param program of `installNats`. */
  static async open(program: string): Promise<Nats> {
    const port = await findFreePort()
    const server = await Server.open('NATS', async (folder) => ({
      program,
      args: ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', folder],
      ready: () => accepts(port),
    }))
    return new Nats(`nats://127.0.0.1:${port}`, server)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]()
  }
}
