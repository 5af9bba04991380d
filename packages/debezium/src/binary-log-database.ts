import { findFreePort } from '@freshet/postgres'
import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise'
import { accepts } from './kafka.ts'
import { binaryLogRights } from './rights.ts'
import { Server } from './server.ts'
import type { BinaryLogUser } from './settings.ts'

const run = promisify(execFile)

const database = 'app'
const user = 'debezium'

/** What MySQL and MariaDB do each in its own way. */
export interface BinaryLogProduct {
  readonly name: string
  readonly program: string
  /** What `program --version` prints. MariaDB installs a `mysqld` too. */
  readonly version: RegExp
  /** Fills a data directory. */
  readonly install: readonly [program: string, ...args: readonly string[]]
  /** So that the binary log has whole rows, and names transactions. */
  readonly args: readonly string[]
}

/** As by Debian's package `mariadb-server`. */
export const mariaDb: BinaryLogProduct = {
  name: 'MariaDB',
  program: 'mariadbd',
  version: /MariaDB/,
  install: ['mariadb-install-db', '--auth-root-authentication-method=normal', '--skip-test-db'],
  args: ['--log-bin=binlog', '--binlog-format=ROW'],
}

/** MySQL 8.0 or newer, as by Debian's package `mysql-server-core`. Its binary log is one of rows by default. */
export const mySql: BinaryLogProduct = {
  name: 'MySQL',
  program: 'mysqld',
  version: /^(?!.*MariaDB)/,
  install: ['mysqld', '--initialize-insecure'],
  args: [
    '--log-bin=binlog',
    '--gtid-mode=ON',
    '--enforce-gtid-consistency=ON',
    '--mysqlx=OFF',
    // Debian's folder for it may be missing.
    '--secure-file-priv=NULL',
  ],
}

/** Whether a database is in the `PATH`. @throws {Error} it is not. */
export async function findDatabase({ name, program, version }: BinaryLogProduct): Promise<true> {
  const { stdout } = await run(program, ['--version'])
  if (!version.test(stdout)) throw new Error(`expected ${program} of ${name}, got ${stdout.trim()}`)
  return true
}

export interface BinaryLogDatabaseOptions {
  readonly product: BinaryLogProduct
  /** Run in the new database `app`. */
  readonly statements: readonly string[]
  /** More arguments of the server. */
  readonly args?: readonly string[]
}

/** MySQL or MariaDB on the loopback interface with new data and a binary log of rows, in about five seconds. */
export class BinaryLogDatabase implements AsyncDisposable {
  readonly server: Server
  /** The user of a connector. */
  readonly user: BinaryLogUser

  private constructor(port: number, server: Server) {
    this.server = server
    this.user = { hostname: '127.0.0.1', port, user, password: user, database }
  }

  static async open({
    product,
    statements,
    args = [],
  }: BinaryLogDatabaseOptions): Promise<BinaryLogDatabase> {
    const port = await findFreePort()
    const server = await Server.open(product.name, async (folder) => {
      const data = join(folder, 'data')
      await mkdir(data)
      const shared = [
        '--no-defaults',
        `--datadir=${data}`,
        ...(process.getuid?.() === 0 ? ['--user=root'] : []),
      ]
      const [program, ...setUp] = product.install
      await run(program, [...shared, ...setUp])
      return {
        program: product.program,
        args: [
          ...shared,
          '--bind-address=127.0.0.1',
          `--port=${port}`,
          `--socket=${socketIn(folder)}`,
          '--server-id=1',
          '--binlog-row-image=FULL',
          '--group-concat-max-len=1000000',
          ...product.args,
          ...args,
        ],
        // MySQL opens it after the port.
        ready: () => accepts(socketIn(folder)),
      }
    })
    const db = new BinaryLogDatabase(port, server)
    try {
      const admin = await db.#connect()
      await admin.query(`create database ${database}`)
      await admin.query(`use ${database}`)
      await admin.query(`create user ${user}@'%' identified by '${user}'`)
      for (const statement of [...binaryLogRights(user, database), ...statements])
        await admin.query(statement)
      await admin.end()
      return db
    } catch (error) {
      await db[Symbol.asyncDispose]()
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
