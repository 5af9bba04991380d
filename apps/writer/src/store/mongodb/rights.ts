import { ConfigError, type Log } from '@freshet/kit'
import {
  causesCollection,
  controlCollection,
  messageCollections,
  messagesDatabase,
  refusalOf,
} from '@freshet/mongodb-rules'
import { idempotencyCollection, internalDatabase } from '@freshet/roles'
import { MongoServerError, type Document, type MongoClient } from 'mongodb'
import type { DatabaseConnection } from './connection.ts'

/** What a writer does to a document collection. */
const ofDocuments = ['find', 'insert', 'update', 'remove'] as const

/** Required actions in one collection. */
type Wanted = readonly [database: string, collection: string, actions: readonly string[]]

/** The rest: reading definitions and the source, the heartbeat, recording causes, storing answers. */
function ofOwn(database: string): readonly Wanted[] {
  return [
    [database, '', ['listCollections']],
    [database, controlCollection, ['find', 'update']],
    [database, causesCollection, ['insert', 'remove']],
    // An upsert needs both actions. The TTL deletion is the server's own.
    [internalDatabase(database), idempotencyCollection, ['find', 'insert', 'update']],
  ]
}

/** What messages need in addition. */
function ofMessages(database: string): readonly Wanted[] {
  const name = messagesDatabase(database)
  return [
    [name, controlCollection, ['find', 'update']],
    ...Object.values(messageCollections).map((one): Wanted => [name, one, ['find', 'insert', 'update']]),
  ]
}

/** Whose rights to check. */
export interface RightsQuestion {
  readonly connection: Pick<DatabaseConnection, 'control' | 'ready'>
  readonly database: string
  readonly collections: Iterable<string>
  readonly messages: boolean
  readonly log: Log
}

/**
 * A writer without write access must not appear to work. An unreachable database does not prevent startup. @throws
 * {ConfigError}
 */
export async function expectRights(question: RightsQuestion): Promise<void> {
  const missing = await missingFor(question)
  if (missing === undefined) return
  throw new ConfigError(
    'BAD_VALUE',
    `--mongodb-uri-file: ${missing}; run freshet migrate${question.messages ? ' --messages' : ''} and use the address of freshet-writer.`,
  )
}

async function missingFor(question: RightsQuestion): Promise<string | undefined> {
  const { connection, database, collections, messages, log } = question
  const documents = [...collections].map((name): Wanted => [database, name, ofDocuments])
  const wanted = [...documents, ...ofOwn(database), ...(messages ? ofMessages(database) : [])]
  try {
    await connection.ready()
    return await missingRight(connection.control, database, wanted)
  } catch (err) {
    if (isUnknownUser(err)) return 'unknown user or wrong password'
    log.warn({ err }, 'the rights of the user cannot be checked now')
    return undefined
  }
}

/** Whether the server knows no such user, or the password is wrong. */
function isUnknownUser(error: unknown): boolean {
  return error instanceof MongoServerError && refusalOf(error) === 'stranger'
}

/**
 * Describes a required right that the writer's user lacks; `undefined` if there is none. Takes two commands. Nothing is
 * missing on a server without access control.
 */
async function missingRight(
  client: MongoClient,
  database: string,
  wanted: readonly Wanted[],
): Promise<string | undefined> {
  const db = client.db(database)
  const { authInfo } = await db.command({ connectionStatus: 1, showPrivileges: true })
  const [user] = authInfo.authenticatedUsers
  if (user === undefined)
    return await refusedWithoutUser(() => db.command({ find: controlCollection, limit: 1 }))
  for (const [where, collection, actions] of wanted) {
    const allowed = actionsOn(authInfo.authenticatedUserPrivileges, where, collection)
    const missing = actions.find((action) => !allowed.has(action))
    if (missing !== undefined)
      return `the user ${user.user}@${user.db} may not ${missing} in ${collection === '' ? where : `${where}.${collection}`}`
  }
  return undefined
}

async function refusedWithoutUser(read: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await read()
    return undefined
  } catch (error) {
    if (error instanceof MongoServerError && refusalOf(error) === 'forbidden')
      return 'the address contains no user'
    throw error
  }
}

/** An empty name in a resource matches everything. https://www.mongodb.com/docs/manual/reference/resource-document/ */
function actionsOn(
  privileges: readonly Document[],
  database: string,
  collection: string,
): ReadonlySet<string> {
  const fitting = privileges.filter(
    ({ resource }) =>
      resource.anyResource === true ||
      (matches(resource.db, database) && matches(resource.collection, collection)),
  )
  return new Set(fitting.flatMap(({ actions }) => actions))
}

function matches(named: unknown, name: string): boolean {
  return named === '' || named === name
}
