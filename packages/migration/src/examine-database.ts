import { messageRolesOf, rolesOf } from '@freshet/roles'
import { MongoClient, MongoServerError, type Document } from 'mongodb'
import { asAdmin } from './admin.ts'
import { hasMessages } from './control.ts'
import { roleDifferences } from './grants.ts'
import { withoutCredentials } from './uri.ts'
import { userDifferences } from './users.ts'

/** The oplog of the primary. */
export interface OplogReport {
  /** From its first entry to its last one. */
  readonly windowMs: number
  readonly usedBytes: number
  /** Its configured size: earlier entries are dropped beyond it. */
  readonly maxBytes: number
}

/** A member of the replica set, asked directly. */
export interface MemberReport {
  readonly host: string
  /** How far its clock is ahead of this machine's, give or take half of the time that it took to ask; `undefined`: no answer. */
  readonly clockAheadMs: number | undefined
}

/** What a database server is like, for a diagnosis. `undefined`: the user may not see it. */
export interface DatabaseReport {
  /** One line for each role or user that differs from what the migration makes. */
  readonly differences: readonly string[] | undefined
  readonly oplog: OplogReport | undefined
  readonly connections: { readonly current: number; readonly available: number } | undefined
  readonly members: readonly MemberReport[]
  /** How long snapshot reads of the past are possible, in seconds. */
  readonly snapshotHistoryS: number | undefined
}

/** What to examine, with the address of an administrator. */
interface ExaminationOptions {
  readonly uri: string
  readonly database: string
  /** Names of the collections that have a collection file; `undefined`: roles and users are not compared. */
  readonly collections: readonly string[] | undefined
  readonly signal?: AbortSignal
}

/** Reads what operators should know about a server before trouble. Changes nothing. @throws {MigrationError} as `asAdmin`. */
export function examineDatabase({
  uri,
  database,
  collections,
  signal,
}: ExaminationOptions): Promise<DatabaseReport> {
  return asAdmin(uri, signal, async (client) => {
    const status = await allowed(client.db('admin').command({ serverStatus: 1, oplog: 1 }))
    const parameters = await allowed(
      client.db('admin').command({ getParameter: 1, minSnapshotHistoryWindowInSeconds: 1 }),
    )
    return {
      differences: collections && (await allowed(differences(client, database, collections))),
      oplog: status && (await oplogOf(client, status)),
      connections: status && {
        current: Number(status['connections'].current),
        available: Number(status['connections'].available),
      },
      members: await membersOf(client, uri),
      snapshotHistoryS: parameters && Number(parameters['minSnapshotHistoryWindowInSeconds']),
    }
  })
}

async function differences(
  client: MongoClient,
  database: string,
  collections: readonly string[],
): Promise<readonly string[]> {
  const messages = await hasMessages(client, database)
  const roles = [...rolesOf(database, collections), ...(messages ? messageRolesOf(database) : [])]
  return [...(await roleDifferences(client, roles)), ...(await userDifferences(client, database, roles))]
}

/** https://www.mongodb.com/docs/manual/reference/command/serverStatus/#oplog */
async function oplogOf(client: MongoClient, { oplog }: Document): Promise<OplogReport | undefined> {
  const { earliestOptime: first, latestOptime: last } = oplog ?? {}
  const stats = await allowed(client.db('local').command({ collStats: 'oplog.rs' }))
  if (first === undefined || last === undefined || stats === undefined) return undefined
  return {
    windowMs: (last.getHighBits() - first.getHighBits()) * 1_000,
    usedBytes: Number(stats['size']),
    maxBytes: Number(stats['maxSize']),
  }
}

const askWithinMs = 2_000

async function membersOf(client: MongoClient, uri: string): Promise<readonly MemberReport[]> {
  const { hosts = [] }: Document = await client.db('admin').command({ hello: 1 })
  const names: readonly unknown[] = Array.isArray(hosts) ? hosts : []
  return await Promise.all(
    names.map(async (host) => ({
      host: String(host),
      clockAheadMs: await clockAheadOf(withoutCredentials(uri, String(host))),
    })),
  )
}

/** The best of a few attempts: the one that took the shortest time is the most exact. */
async function clockAheadOf(uri: string): Promise<number | undefined> {
  const client = new MongoClient(uri, { maxPoolSize: 1, serverSelectionTimeoutMS: askWithinMs })
  try {
    await client.connect()
    let best: { readonly tookMs: number; readonly aheadMs: number } | undefined
    for (let attempt = 0; attempt < 3; attempt++) {
      const askedMs = Date.now()
      const { localTime }: Document = await client
        .db('admin')
        .command({ hello: 1 }, { timeoutMS: askWithinMs })
      const tookMs = Date.now() - askedMs
      if (!(localTime instanceof Date)) return undefined
      const aheadMs = localTime.getTime() - (askedMs + tookMs / 2)
      if (best === undefined || tookMs < best.tookMs) best = { tookMs, aheadMs }
    }
    return best && Math.round(best.aheadMs)
  } catch {
    // Whatever the reason: it does not answer.
    return undefined
  } finally {
    await client.close()
  }
}

/** The reply; `undefined` if the user may not ask, or the server does not know the command. */
async function allowed<T>(reply: Promise<T>): Promise<T | undefined> {
  try {
    return await reply
  } catch (error) {
    if (error instanceof MongoServerError && refusals.has(error.code)) return undefined
    throw error
  }
}

/** Unauthorized, CommandNotFound, InvalidOptions of unknown parameters, CommandNotSupported, DocumentDB's "not supported". */
const refusals: ReadonlySet<unknown> = new Set([13, 59, 72, 115, 303])
