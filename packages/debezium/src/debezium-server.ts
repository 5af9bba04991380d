import { findFreePort } from '@freshet/postgres'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lines } from './kafka.ts'
import { Server } from './server.ts'
import { schemaHistory } from './settings.ts'

export interface DebeziumServerOptions {
  /** Of `installDebeziumServer`. */
  readonly installed: string
  /** Its properties, without those of its own files and port. */
  readonly properties: Readonly<Record<string, string>>
}

/** Debezium Server, in about ten seconds. Its place in the database's log survives a kill. */
export class DebeziumServer implements AsyncDisposable {
  readonly server: Server

  private constructor(server: Server) {
    this.server = server
  }

  static async open({ installed, properties }: DebeziumServerOptions): Promise<DebeziumServer> {
    const port = await findFreePort()
    const server = await Server.open('Debezium Server', async (folder) => {
      const config = join(folder, 'config')
      await mkdir(config)
      await writeFile(
        join(config, 'application.properties'),
        lines({
          ...properties,
          'debezium.source.offset.storage.file.filename': join(folder, 'offsets'),
          'debezium.source.offset.flush.interval.ms': '1000',
          ...schemaHistory(join(folder, 'schemas'), 'debezium.source.'),
          'quarkus.http.host': '127.0.0.1',
          'quarkus.http.port': String(port),
          'quarkus.log.level': 'WARN',
        }),
      )
      const jars = `${installed}/*:${config}:${installed}/lib/*`
      return {
        program: javaOfServer(),
        args: [...flags, '-cp', jars, 'io.debezium.server.Main'],
        ready: () => isLive(port),
      }
    })
    return new DebeziumServer(server)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]()
  }
}

const flags = ['-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']

/** Java 21 or newer, from `JAVA_HOME` or else the `PATH`. */
export function javaOfServer(): string {
  const home = process.env['JAVA_HOME']
  return home === undefined ? 'java' : join(home, 'bin', 'java')
}

async function isLive(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/q/health/live`).catch(() => undefined)
  await answer?.arrayBuffer()
  return answer?.status === 200
}
