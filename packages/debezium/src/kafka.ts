import { findFreePort } from '@freshet/postgres'
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { javaFlags, Server } from './server.ts'

const uuid = (): string => randomBytes(16).toString('base64url')

/** One Kafka broker on the loopback interface with new data, in about four seconds. */
export class Kafka implements AsyncDisposable {
  readonly server: Server
  /** `host:port` */
  readonly address: string

  private constructor(address: string, server: Server) {
    this.address = address
    this.server = server
  }

  /**
   * @param jars of `installJars`.
   * @param more settings of the broker.
   */
  static async open(jars: string, more: Readonly<Record<string, string>> = {}): Promise<Kafka> {
    const port = await findFreePort()
    const controller = await findFreePort()
    const server = await Server.open('Kafka', async (folder) => {
      const data = join(folder, 'data')
      await mkdir(data)
      // Otherwise another Java process would have to format the directory.
      await writeFile(
        join(data, 'meta.properties'),
        lines({ version: '1', 'cluster.id': uuid(), 'node.id': '1', 'directory.id': uuid() }),
      )
      const file = join(folder, 'kafka.properties')
      await writeFile(file, lines({ ...settings, ...listeners(port, controller), 'log.dirs': data, ...more }))
      return {
        program: 'java',
        args: [...javaFlags(jars, 256), 'kafka.Kafka', file],
        ready: () => accepts(port),
      }
    })
    return new Kafka(`127.0.0.1:${port}`, server)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]()
  }
}

const settings: Readonly<Record<string, string>> = {
  'process.roles': 'broker,controller',
  'node.id': '1',
  'controller.listener.names': 'CONTROLLER',
  'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
  'offsets.topic.replication.factor': '1',
  'offsets.topic.num.partitions': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.num.partitions': '1',
  'transaction.state.log.min.isr': '1',
  'auto.create.topics.enable': 'false',
  'num.network.threads': '1',
  'num.io.threads': '2',
  'log.cleaner.dedupe.buffer.size': '2097152',
  'log.cleaner.backoff.ms': '500',
  'log.segment.delete.delay.ms': '1000',
}

function listeners(port: number, controller: number): Readonly<Record<string, string>> {
  return {
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
  }
}

/** A file of Java properties. */
export function lines(properties: Readonly<Record<string, string>>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

/** Whether a port of this machine, or a socket in its file system, accepts connections. */
export function accepts(at: number | string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(typeof at === 'string' ? { path: at } : { host: '127.0.0.1', port: at })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
