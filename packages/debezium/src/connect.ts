import { findFreePort } from '@freshet/postgres'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lines } from './kafka.ts'
import { javaFlags, Server } from './server.ts'

export interface ConnectOptions {
  /** Of `installJars`. */
  readonly jars: string
  /** `host:port` of the broker. */
  readonly kafka: string
  /** The properties of the connector. */
  readonly connector: Readonly<Record<string, string>>
  /** How often the place of the connector in the database's log is stored, in milliseconds. */
  readonly flushEveryMs?: number
}

/** Kafka Connect with one connector, in about six seconds. Its place in the database's log survives a kill. */
export class Connect implements AsyncDisposable {
  readonly server: Server
  readonly #folder: string

  private constructor(folder: string, server: Server) {
    this.#folder = folder
    this.server = server
  }

  static async open({ jars, kafka, connector, flushEveryMs = 1_000 }: ConnectOptions): Promise<Connect> {
    const folder = await mkdtemp(join(tmpdir(), 'freshet-connect-'))
    const port = await findFreePort()
    const [worker, source] = [join(folder, 'worker.properties'), join(folder, 'connector.properties')]
    const converters = {
      'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
      'key.converter.schemas.enable': 'false',
      'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
      'value.converter.schemas.enable': 'false',
    }
    await writeFile(
      worker,
      lines({
        ...converters,
        'bootstrap.servers': kafka,
        'offset.storage.file.filename': join(folder, 'offsets'),
        'offset.flush.interval.ms': String(flushEveryMs),
        listeners: `http://127.0.0.1:${port}`,
        'plugin.discovery': 'only_scan',
      }),
    )
    const name = connector['name'] ?? 'freshet'
    await writeFile(source, lines({ ...connector, name, 'tasks.max': '1' }))
    const server = new Server({
      name: 'Kafka Connect',
      program: 'java',
      args: [...javaFlags(jars, 256), 'org.apache.kafka.connect.cli.ConnectStandalone', worker, source],
      cwd: folder,
      ready: () => running(`http://127.0.0.1:${port}/connectors/${name}/status`),
    })
    const connect = new Connect(folder, server)
    try {
      await server.start()
      return connect
    } catch (error) {
      await connect[Symbol.asyncDispose]()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop('SIGKILL')
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** Whether the task of a connector runs. @throws {Error} it has failed. */
async function running(url: string): Promise<boolean> {
  const text = await fetch(url).then(
    (answer) => answer.text(),
    () => '',
  )
  if (text.includes('"FAILED"')) throw new Error(`the connector failed: ${text}`)
  return /"tasks":\[\{[^\]]*"RUNNING"/.test(text)
}
