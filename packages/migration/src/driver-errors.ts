import { MongoClient, MongoNetworkError, MongoServerError, MongoServerSelectionError } from 'mongodb'
import { membersToldBy, refusalOf } from '@freshet/mongodb-rules'
import { helloOf } from './examine-server.ts'
import { MigrationError } from './errors.ts'
import { hostsOf, isSrv, setNameOf, withoutCredentials } from './uri.ts'

/**
 * CommandNotFound, CommandNotSupported, and DocumentDB's code for the same: hosted or compatible servers lack some
 * commands. https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
 */
const missingCommand: ReadonlySet<unknown> = new Set([59, 115, 303])
const helloTimeoutMs = 2_000

/** Maps a driver error to one of our codes. Unknown errors are returned unchanged. */
export async function migrationErrorOf(error: unknown, uri: string): Promise<unknown> {
  if (error instanceof MongoServerError) {
    const refusal = missingCommand.has(error.code) ? 'forbidden' : refusalOf(error)
    if (refusal === 'stranger')
      return new MigrationError('NOT_AUTHENTICATED', 'the server does not accept this user and password.', {
        cause: error,
      })
    if (refusal === 'forbidden')
      return new MigrationError(
        'NOT_ALLOWED',
        `the server refuses this user: ${withoutCommand(error.message)}.`,
        { cause: error },
      )
  }
  if (error instanceof MongoServerSelectionError)
    return (await setError(uri)) ?? memberError(error, uri) ?? unreachable(error, uri)
  return error instanceof MongoNetworkError ? unreachable(error, uri) : error
}

/** Keeps only the name of the command in "not authorized on shop to execute command { createRole: …, lsid: … }". */
function withoutCommand(message: string): string {
  return message.replace(/\{\s*"?(\w+)"?\s*:.*$/s, '$1').replace(/\.$/, '')
}

const unreachable = (cause: Error, uri: string): MigrationError =>
  new MigrationError('UNREACHABLE', `no primary answered at ${hostsOf(uri)} (${cause.message}).`, { cause })

/** A server answered, but the member names it reports cannot be reached. */
function memberError(cause: MongoServerSelectionError, uri: string): MigrationError | undefined {
  // The hosts behind an SRV record never appear in the address.
  const reported = isSrv(uri) ? [] : membersToldBy(cause, hostsOf(uri).split(','))
  if (reported.length === 0) return undefined
  const message = `${hostsOf(uri)} reports a replica set at ${reported.join(', ')}, where no primary answered (${cause.message}).`
  return new MigrationError('MEMBERS_UNREACHABLE', message, { cause })
}

/** The driver ignores servers of another set and then reports that there are none. So query each one directly. */
async function setError(uri: string): Promise<MigrationError | undefined> {
  const wanted = setNameOf(uri)
  if (wanted === undefined) return undefined
  for (const host of hostsOf(uri).split(',')) {
    const found = await helloFrom(host, uri)
    if (found === undefined || found.isRouter || found.setName === wanted) continue
    if (found.setName === undefined)
      return new MigrationError('NO_REPLICA_SET', `the server at ${host} is not in a replica set.`)
    const message = `the server at ${host} belongs to the replica set ${found.setName}, but the address says ${wanted}.`
    return new MigrationError('WRONG_SET', message)
  }
  return undefined
}

async function helloFrom(host: string, uri: string) {
  const client = new MongoClient(withoutCredentials(uri, host), { serverSelectionTimeoutMS: helloTimeoutMs })
  try {
    return await helloOf(client)
  } catch {
    // Unreachable, as the original error already says.
    return undefined
  } finally {
    await client.close()
  }
}
