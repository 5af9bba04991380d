import type { ReplicaSet } from '@freshet/mongod'
import { MongoClient } from 'mongodb'

/** The servers behind a test database. */
export interface ServersInUse {
  readonly rootUri: string
  /** Those that are running. */
  ports(): readonly number[]
  /** @throws {Error} if they are shared with other test files. */
  own(): ReplicaSet
  close(): Promise<void>
}

/** Servers of this test alone. */
export function ownServers(set: ReplicaSet): ServersInUse {
  return {
    rootUri: set.rootUri(),
    ports: () => set.members.filter(({ pid }) => pid !== undefined).map(({ port }) => port),
    own: () => set,
    close: () => set.close(),
  }
}

/** Only one open database at a time uses the shared server; others get their own. */
let inUse = false

/**
 * The server that the test files of one Jest worker share, emptied; `undefined` outside Jest, and while it is in use.
 * `packages/testkit/hooks/shared-servers.mjs` starts it for the first file and stops it after the last.
 */
export async function takeSharedServers(): Promise<ServersInUse | undefined> {
  const from = process.env['JEST_SHARED_SERVERS']
  if (from === undefined || inUse) return undefined
  inUse = true
  try {
    const answer = await fetch(`${from}/${process.env['JEST_WORKER_ID'] ?? '1'}`)
    const text = await answer.text()
    if (!answer.ok) throw new Error(`the shared server did not start: ${text}`)
    await empty(text)
    return {
      rootUri: text,
      ports: () => [Number(new URL(text).port)],
      own: () => {
        throw new Error('this server is shared with other tests: open the database with {own: true}')
      },
      close: async () => {
        inUse = false
      },
    }
  } catch (error) {
    inUse = false
    throw error
  }
}

/** Removes everything that earlier tests created or left open. */
async function empty(rootUri: string): Promise<void> {
  await using client = new MongoClient(rootUri)
  const admin = client.db('admin')
  await admin.command({ configureFailPoint: 'failCommand', mode: 'off' })
  // An open transaction would block all that follows.
  await admin.command({ killAllSessions: [] })
  // Users and roles outlive their database, which is no longer listed once it is empty.
  const { users } = await admin.command({ usersInfo: { forAllDBs: true } })
  for (const { user, db } of users) if (user !== 'root') await client.db(db).command({ dropUser: user })
  for (const db of await admin.collection('system.roles').distinct('db'))
    await client.db(db).command({ dropAllRolesFromDatabase: 1 })
  const { databases } = await admin.admin().listDatabases({ nameOnly: true })
  for (const { name } of databases)
    if (!['admin', 'config', 'local'].includes(name)) await client.db(name).dropDatabase()
}
