import { Client } from 'pg'
import { startPostgres, type Postgres, type PostgresOptions } from './server.ts'

export interface TestDatabaseOptions extends PostgresOptions {
  /** Statements that create the tables, and then those that prepare them for {@link testUser}, who exists by then. */
  readonly statements: readonly string[]
}

/** A user with LOGIN and REPLICATION, and no other right. */
export const testUser = 'freshet_reader'

const password = 'a password of tests'

/** A server with one database, `postgres`, whose log can be followed. */
export class TestDatabase implements AsyncDisposable {
  readonly server: Postgres
  /** The superuser's connection. */
  readonly admin: Client

  private constructor(server: Postgres, admin: Client) {
    this.server = server
    this.admin = admin
  }

  static async open({ statements, settings }: TestDatabaseOptions): Promise<TestDatabase> {
    const server = await startPostgres({ settings: { wal_level: 'logical', ...settings } })
    try {
      const admin = await connectTo(server)
      await admin.query(`create role ${testUser} login replication password '${password}'`)
      for (const statement of statements) await admin.query(statement)
      return new TestDatabase(server, admin)
    } catch (error) {
      await server.close()
      throw error
    }
  }

  /** The connection string of {@link testUser}. */
  get uri(): string {
    return this.server.uri('postgres', testUser, password)
  }

  /** Another connection of the superuser, for concurrent transactions. */
  connect(): Promise<Client> {
    return connectTo(this.server)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.admin.end().catch(() => undefined)
    await this.server.close()
  }
}

async function connectTo(server: Postgres): Promise<Client> {
  const client = new Client({ connectionString: server.uri() })
  // The server may end before the client; an error also fails the running statement.
  client.on('error', () => undefined)
  await client.connect()
  return client
}
