import { MongoClient, MongoNetworkError, MongoServerError, MongoServerSelectionError } from 'mongodb'
import { helloOf } from './examine-server.ts'
import { MigrationError } from './errors.ts'
import { hostsOf, setNameOf, withoutCredentials } from './uri.ts'

/** AuthenticationFailed, and what Atlas answers instead; https://www.mongodb.com/docs/manual/reference/error-codes/ */
const authenticationCodes: ReadonlySet<unknown> = new Set([18, 8000])
/** https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml: Unauthorized */
const unauthorized = 13
const askWithinMs = 2_000

/** An error of the driver as one of our codes where we know it; anything else is passed on as it is. */
export async function migrationErrorOf(error: unknown, uri: string): Promise<unknown> {
  if (error instanceof MongoServerError && authenticationCodes.has(error.code))
    return new MigrationError('NOT_AUTHENTICATED', 'the server knows no such user with this password.', {
      cause: error,
    })
  if (error instanceof MongoServerError && error.code === unauthorized)
    return new MigrationError('NOT_ALLOWED', 'the user of the migration lacks a right.', { cause: error })
  if (error instanceof MongoServerSelectionError) return (await setError(uri)) ?? unreachable(error, uri)
  return error instanceof MongoNetworkError ? unreachable(error, uri) : error
}

const unreachable = (cause: Error, uri: string): MigrationError =>
  new MigrationError('UNREACHABLE', `no primary answers at ${hostsOf(uri)} (${cause.message}).`, { cause })

/**
 * The driver passes servers over that are of another set than the address says, and then reports that there are none.
 * So each is asked by itself.
 */
async function setError(uri: string): Promise<MigrationError | undefined> {
  const wanted = setNameOf(uri)
  if (wanted === undefined) return undefined
  for (const host of hostsOf(uri).split(',')) {
    const found = await askOne(host, uri)
    if (found === undefined || found.isRouter || found.setName === wanted) continue
    if (found.setName === undefined)
      return new MigrationError('NO_REPLICA_SET', `the server at ${host} is no replica set.`)
    const message = `the server at ${host} is of the replica set ${found.setName}, the address says ${wanted}.`
    return new MigrationError('WRONG_SET', message)
  }
  return undefined
}

async function askOne(host: string, uri: string) {
  const client = new MongoClient(withoutCredentials(uri, host), { serverSelectionTimeoutMS: askWithinMs })
  try {
    return await helloOf(client)
  } catch {
    // It is not there, which is what the error that is explained here already says.
    return undefined
  } finally {
    await client.close()
  }
}
