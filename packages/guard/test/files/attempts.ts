import { KeptLog } from '@freshet/testkit'
import type { Document, MongoClient } from 'mongodb'
import type { GuardedConnection } from '../../src/index.ts'
import type { TestServer } from '../test-server.ts'

export const inside = { appName: 'files', heartbeatFrequencyMs: 500, connectTimeoutMs: 5_000 }

export const isRefused = (sent: Promise<unknown>): Promise<boolean> =>
  sent.then(
    () => false,
    (error: unknown) => codeOf(error) === 'WRITE_REFUSED',
  )

export const codeOf = (error: unknown): unknown => Reflect.get(Object(error), 'code')

export const insert = { insert: 'docs', documents: [{ a: 9 }] }

/** The same through a connection, bypassing the compiler. */
export const refusesInsert = (connection: { run(command: Document): Promise<Document> }): Promise<boolean> =>
  isRefused(connection.run(insert))

/** Attempts with the guard as imported now, which may lack the protection of one file. */
export function attemptsAt(server: TestServer, root: MongoClient) {
  /** The guarded client, as root, so that only the veto can stop it. */
  async function vetoed(user = 'root'): Promise<MongoClient> {
    const { vetoingClient } = await import('../../src/client.ts')
    const log = new KeptLog()
    const databases = new Set(['app'])
    const options = { uri: server.uri(user), databases, maxPoolSize: 1, log, onRefusal: undefined }
    return vetoingClient({ ...inside, ...options }).client
  }

  /** Whether the veto refuses a command as root. */
  const refuses = (command: Document) => async (): Promise<boolean> => {
    await using client = await vetoed()
    return await isRefused(client.db('app').command(command))
  }

  /** Opens and closes a connection as a user. */
  async function opened<T>(uri: string, use: (connection: GuardedConnection) => Promise<T> | T): Promise<T> {
    const { openReadConnection } = await import('../../src/index.ts')
    const log = new KeptLog()
    const connection = await openReadConnection({ ...inside, uri, database: 'app', log })
    try {
      return await use(connection)
    } finally {
      await connection.close()
    }
  }

  /** The error of opening a connection. */
  const failure = (uri: string): Promise<unknown> =>
    opened(uri, () => undefined).catch((error: unknown) => error)

  /** Whether a role that grows after startup is detected, by this sign. */
  const growing =
    (sign: (connection: GuardedConnection) => Promise<boolean>) => async (): Promise<boolean> => {
      const admin = root.db('admin')
      const roles = (role: string): Document => ({ roles: [{ role, db: 'app' }] })
      await admin.command({ createUser: 'growing', pwd: 'growing', ...roles('read') })
      try {
        return await opened(server.uri('growing'), async (connection) => {
          await admin.command({ updateUser: 'growing', ...roles('readWrite') })
          return await sign(connection)
        })
      } finally {
        await admin.command({ dropUser: 'growing' })
      }
    }

  return { failure, growing, opened, refuses, vetoed }
}
