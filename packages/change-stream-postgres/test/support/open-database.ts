import { startPostgres, type Postgres, type PostgresOptions } from '@freshet/postgres'
import { Client } from 'pg'
import type { CollectionPlace } from '@freshet/protocol'
import { setUpStatements } from '../../src/index.ts'

/** The reader's user. */
const user = 'freshet_reader'
const password = 'a password of tests'
export const publication = 'freshet'

export interface TestDatabaseOptions extends PostgresOptions {
  readonly collections: ReadonlyMap<string, CollectionPlace>
  /** Statements that create the tables. */
  readonly tables: readonly string[]
}

/** A server with one database that is set up as the README says. */
export class TestDatabase implements AsyncDisposable {
  readonly server: Postgres
  /** The superuser's connection. */
  readonly admin: Client

  private constructor(server: Postgres, admin: Client) {
    this.server = server
    this.admin = admin
  }

  static async open({ collections, tables, settings }: TestDatabaseOptions): Promise<TestDatabase> {
    const server = await startPostgres({ settings: { wal_level: 'logical', ...settings } })
    try {
      const admin = new Client({ connectionString: server.uri() })
      admin.on('error', () => undefined)
      await admin.connect()
      const user = `create role freshet_reader login replication password '${password}'`
      for (const statement of [
        ...tables,
        user,
        ...setUpStatements({ publication, user: 'freshet_reader', collections }),
      ])
        await admin.query(statement)
      return new TestDatabase(server, admin)
    } catch (error) {
      await server.close()
      throw error
    }
  }

  /** The reader's connection string. */
  get uri(): string {
    return this.server.uri('postgres', user, password)
  }

  /** Another connection of the superuser, for concurrent transactions. */
  async connect(): Promise<Client> {
    const client = new Client({ connectionString: this.server.uri() })
    client.on('error', () => undefined)
    await client.connect()
    return client
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.admin.end().catch(() => undefined)
    await this.server.close()
  }
}
