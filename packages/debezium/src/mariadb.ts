import { findFreePort } from '@freshet/postgres'
import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise'
import { accepts } from './kafka.ts'
import { Server } from './server.ts'
import type { BinaryLogUser } from './settings.ts'

const run = promisify(execFile)

const database = 'app'
const user = 'debezium'

/** Whether MariaDB is installed, as by Debian's package `mariadb-server`. @throws {Error} it is not. */
export async function findMariaDb(): Promise<true> {
  await run('mariadbd', ['--version'])
  return true
}

/** A MariaDB server on the loopback interface with new data and a binary log of rows, in about three seconds. */
export class MariaDb implements AsyncDisposable {
  readonly server: Server
  /** The user of a connector. */
  readonly user: BinaryLogUser

  private constructor(port: number, server: Server) {
    this.server = server
    this.user = { hostname: '127.0.0.1', port, user, password: user, database }
  }

  /** @param statements run in the new database `app`. */
  static async open(statements: readonly string[]): Promise<MariaDb> {
    const port = await findFreePort()
    const server = await Server.open('MariaDB', async (folder) => {
      const data = join(folder, 'data')
      await mkdir(data)
      const shared = [
        '--no-defaults',
        `--datadir=${data}`,
        ...(process.getuid?.() === 0 ? ['--user=root'] : []),
      ]
      const setUp = ['--auth-root-authentication-method=normal', '--skip-test-db']
      await run('mariadb-install-db', [...shared, ...setUp])
      return {
        program: 'mariadbd',
        args: [
          ...shared,
          '--bind-address=127.0.0.1',
          `--port=${port}`,
          `--socket=${socketIn(folder)}`,
          '--log-bin=binlog',
          '--binlog-format=ROW',
          '--binlog-row-image=FULL',
          '--server-id=1',
          '--group-concat-max-len=1000000',
        ],
        ready: () => accepts(port),
      }
    })
    const mariadb = new MariaDb(port, server)
    try {
      const admin = await mariadb.#connect()
      await admin.query(`create database ${database}`)
      await admin.query(`use ${database}`)
      await admin.query(`create user ${user}@'%' identified by '${user}'`)
      await admin.query(`grant select, reload, replication slave, replication client on *.* to ${user}@'%'`)
      for (const statement of statements) await admin.query(statement)
      await admin.end()
      return mariadb
    } catch (error) {
      await mariadb[Symbol.asyncDispose]()
      throw error
    }
  }

  /** A connection of the administrator to the database `app`. */
  async connect(): Promise<Connection> {
    return await this.#connect(database)
  }

  /** The result of one query. */
  async rows(query: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const client = await this.connect()
    try {
      const [rows] = await client.query<RowDataPacket[]>(query)
      return rows
    } finally {
      await client.end()
    }
  }

  #connect(name?: string): Promise<Connection> {
    return createConnection({
      socketPath: socketIn(this.server.folder),
      user: 'root',
      ...(name !== undefined && { database: name }),
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]()
  }
}

function socketIn(folder: string): string {
  return join(folder, 'socket')
}
