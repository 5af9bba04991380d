import { findFreePort } from '@freshet/postgres'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { accepts } from './kafka.ts'
import { Server } from './server.ts'

/** One NATS server with JetStream on the loopback interface with new data, in less than a second. */
export class Nats implements AsyncDisposable {
  readonly server: Server
  /** `nats://host:port` */
  readonly uri: string
  readonly #folder: string

  private constructor(folder: string, uri: string, server: Server) {
    this.#folder = folder
    this.uri = uri
    this.server = server
  }

  /** @param program of `installNats`. */
  static async open(program: string): Promise<Nats> {
    const folder = await mkdtemp(join(tmpdir(), 'freshet-nats-'))
    const port = await findFreePort()
    const server = new Server({
      name: 'NATS',
      program,
      args: ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', folder],
      cwd: folder,
      ready: () => accepts(port),
    })
    const nats = new Nats(folder, `nats://127.0.0.1:${port}`, server)
    try {
      await server.start()
      return nats
    } catch (error) {
      await nats[Symbol.asyncDispose]()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop('SIGKILL')
    await rm(this.#folder, { recursive: true, force: true })
  }
}
