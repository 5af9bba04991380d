import { MongoServerError, type Document, type MongoClient } from 'mongodb'
import { causesCollection } from './causes.ts'

/** What a writer does to a collection of documents. */
const ofDocuments = ['find', 'insert', 'update', 'remove'] as const

/** What it does to the product's own: it reads the source, beats the heart, and tells causes. */
const ofOwn: ReadonlyMap<string, readonly string[]> = new Map([
  ['freshet', ['find', 'update']],
  [causesCollection, ['insert', 'remove']],
])

const UNAUTHORIZED = 13
const AUTHENTICATION_FAILED = 18

/** Whether an error says that the address names a user whom the server does not know, or a wrong password. */
export function isUnknownUser(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === AUTHENTICATION_FAILED
}

/**
 * What the writer's user may not do and has to, in words; `undefined`: nothing is missing. Asks the server, by two
 * commands. Of a server that asks nobody who he is nothing is missing.
 */
export async function missingRight(
  client: MongoClient,
  database: string,
  collections: Iterable<string>,
): Promise<string | undefined> {
  const db = client.db(database)
  const { authInfo } = await db.command({ connectionStatus: 1, showPrivileges: true })
  const [user] = authInfo.authenticatedUsers
  if (user === undefined) return await refusedWithoutUser(() => db.command({ find: 'freshet', limit: 1 }))
  const documents = [...collections].map((name) => [name, ofDocuments] as const)
  for (const [collection, wanted] of [...documents, ...ofOwn]) {
    const allowed = actionsOn(authInfo.authenticatedUserPrivileges, database, collection)
    const missing = wanted.find((action) => !allowed.has(action))
    if (missing !== undefined)
      return `the user ${user.user}@${user.db} may not ${missing} in ${database}.${collection}`
  }
  return undefined
}

async function refusedWithoutUser(read: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await read()
    return undefined
  } catch (error) {
    if (error instanceof MongoServerError && error.code === UNAUTHORIZED) return 'the address names no user'
    throw error
  }
}

/** An empty name in a resource stands for all. https://www.mongodb.com/docs/manual/reference/resource-document/ */
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
