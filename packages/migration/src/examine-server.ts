import { MongoClient, MongoServerError } from 'mongodb'
import { refusalOf } from '@freshet/mongodb-rules'
import { MigrationError } from './errors.ts'
import { hostsOf, withoutCredentials } from './uri.ts'

/** What a server says of itself to anybody: https://www.mongodb.com/docs/manual/reference/command/hello/ */
interface Hello {
  /** Of a member of a replica set. */
  readonly setName: string | undefined
  /** It leads to a sharded cluster. */
  readonly isRouter: boolean
}

/** A database that no role names. */
const probeDatabase = 'freshet_probe'

/**
 * Sees that the server is one that Freshet can work with, before anything is made there: it keeps an order of changes,
 * and it asks who one is, so that the role of the readers stands.
 * @throws {MigrationError} NO_REPLICA_SET, NO_ACCESS_CONTROL, NOT_AUTHENTICATED
 */
export async function examineServer(client: MongoClient, uri: string): Promise<void> {
  const { setName, isRouter } = await helloOf(client)
  if (setName === undefined && !isRouter)
    throw new MigrationError('NO_REPLICA_SET', `the server at ${hostsOf(uri)} is no replica set.`)
  if (await letsAnybodyIn(uri))
    throw new MigrationError(
      'NO_ACCESS_CONTROL',
      `the server at ${hostsOf(uri)} asks nobody who they are, so readers could write.`,
    )
  const { authInfo } = await client.db('admin').command({ connectionStatus: 1 })
  if (authInfo.authenticatedUsers.length === 0)
    throw new MigrationError('NOT_AUTHENTICATED', 'the address names no user.')
}

export async function helloOf(client: MongoClient): Promise<Hello> {
  const { setName, msg } = await client.db('admin').command({ hello: 1 })
  return { setName: typeof setName === 'string' ? setName : undefined, isRouter: msg === 'isdbgrid' }
}

/** Asked without a login: an administrator may read everything, with access control or not. */
async function letsAnybodyIn(uri: string): Promise<boolean> {
  const stranger = new MongoClient(withoutCredentials(uri), {
    maxPoolSize: 1,
    serverSelectionTimeoutMS: 5_000,
    // Whatever the address asks for, as everywhere here.
    readPreference: 'primary',
  })
  try {
    await stranger.db(probeDatabase).command({ find: 'nothing', filter: {}, limit: 1, singleBatch: true })
    return true
  } catch (error) {
    if (error instanceof MongoServerError && refusalOf(error) !== undefined) return false
    throw error
  } finally {
    await stranger.close()
  }
}
