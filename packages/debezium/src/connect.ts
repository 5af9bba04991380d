import { findFreePort } from '@freshet/postgres'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lines } from './kafka.ts'
import { javaFlags, Server } from './server.ts'
import { schemaHistory } from './settings.ts'

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
  /** The connector in the REST interface. */
  readonly uri: string

  private constructor(uri: string, server: Server) {
    this.uri = uri
    this.server = server
  }

  static async open({ jars, kafka, connector, flushEveryMs = 1_000 }: ConnectOptions): Promise<Connect> {
    const port = await findFreePort()
    const name = connector['name'] ?? 'freshet'
    const uri = `http://127.0.0.1:${port}/connectors/${name}`
    const server = await Server.open('Kafka Connect', async (folder) => {
      const [worker, source] = [join(folder, 'worker.properties'), join(folder, 'connector.properties')]
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
      // PostgreSQL's connector needs no definitions, and ignores where they would be.
      const definitions = schemaHistory(join(folder, 'schemas'))
      await writeFile(source, lines({ ...definitions, ...connector, name, 'tasks.max': '1' }))
      return {
        program: 'java',
        args: [...javaFlags(jars, 256), 'org.apache.kafka.connect.cli.ConnectStandalone', worker, source],
        ready: () => running(`${uri}/status`),
      }
    })
    return new Connect(uri, server)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]()
  }
}

const converters: Readonly<Record<string, string>> = {
  'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
  'key.converter.schemas.enable': 'false',
  'key.converter.decimal.format': 'NUMERIC',
  'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
  'value.converter.schemas.enable': 'false',
  'value.converter.decimal.format': 'NUMERIC',
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
