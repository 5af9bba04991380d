import { MongoClient, MongoServerError } from 'mongodb'
import { refusalOf } from '@freshet/mongodb-rules'
import { MigrationError } from './errors.ts'
import { hostsOf, withoutCredentials } from './uri.ts'

/** What a server reports without authentication: https://www.mongodb.com/docs/manual/reference/command/hello/ */
interface Hello {
  /** Set only for members of a replica set. */
  readonly setName: string | undefined
  /** A mongos of a sharded cluster. */
  readonly isRouter: boolean
}

/** A database that no role grants access to. */
const probeDatabase = 'freshet_probe'

/**
 * Checks that Freshet supports the server, before anything is created: it must have change streams, and access control,
 * without which the readers' role has no effect.
 * @throws {MigrationError} NO_REPLICA_SET, NO_ACCESS_CONTROL, NOT_AUTHENTICATED
 */
export async function examineServer(client: MongoClient, uri: string): Promise<void> {
  const { setName, isRouter } = await helloOf(client)
  if (setName === undefined && !isRouter)
    throw new MigrationError('NO_REPLICA_SET', `the server at ${hostsOf(uri)} is not in a replica set.`)
  if (await allowsAnonymousAccess(uri))
    throw new MigrationError(
      'NO_ACCESS_CONTROL',
      `the server at ${hostsOf(uri)} has no access control, so readers could write.`,
    )
  const { authInfo } = await client.db('admin').command({ connectionStatus: 1 })
  if (authInfo.authenticatedUsers.length === 0)
    throw new MigrationError('NOT_AUTHENTICATED', 'the address names no user.')
}

export async function helloOf(client: MongoClient): Promise<Hello> {
  const { setName, msg } = await client.db('admin').command({ hello: 1 })
  return { setName: typeof setName === 'string' ? setName : undefined, isRouter: msg === 'isdbgrid' }
}

/** Checked without credentials, because an administrator may read everything either way. */
async function allowsAnonymousAccess(uri: string): Promise<boolean> {
  const anonymous = new MongoClient(withoutCredentials(uri), {
    maxPoolSize: 1,
    serverSelectionTimeoutMS: 5_000,
    // Overrides the address.
    readPreference: 'primary',
  })
  try {
    await anonymous.db(probeDatabase).command({ find: 'nothing', filter: {}, limit: 1, singleBatch: true })
    return true
  } catch (error) {
    if (error instanceof MongoServerError && refusalOf(error) !== undefined) return false
    throw error
  } finally {
    await anonymous.close()
  }
}
