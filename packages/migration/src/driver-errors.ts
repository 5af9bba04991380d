import { MongoClient, MongoNetworkError, MongoServerError, MongoServerSelectionError } from 'mongodb'
import { membersToldBy, refusalOf } from '@freshet/mongodb-rules'
import { helloOf } from './examine-server.ts'
import { MigrationError } from './errors.ts'
import { hostsOf, isSrv, setNameOf, withoutCredentials } from './uri.ts'

/**
 * CommandNotFound, CommandNotSupported, and what DocumentDB has for it: a server that hosts or imitates MongoDB has no
 * such command. https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
 */
const missingCommand: ReadonlySet<unknown> = new Set([59, 115, 303])
const askWithinMs = 2_000

/** An error of the driver as one of our codes where we know it; anything else is passed on as it is. */
export async function migrationErrorOf(error: unknown, uri: string): Promise<unknown> {
  if (error instanceof MongoServerError) {
    const refusal = missingCommand.has(error.code) ? 'forbidden' : refusalOf(error)
    if (refusal === 'stranger')
      return new MigrationError('NOT_AUTHENTICATED', 'the server knows no such user with this password.', {
        cause: error,
      })
    if (refusal === 'forbidden')
      return new MigrationError(
        'NOT_ALLOWED',
        `the server does not do it for this user: ${withoutCommand(error.message)}.`,
        { cause: error },
      )
  }
  if (error instanceof MongoServerSelectionError)
    return (await setError(uri)) ?? memberError(error, uri) ?? unreachable(error, uri)
  return error instanceof MongoNetworkError ? unreachable(error, uri) : error
}

/**
 * "not authorized on shop to execute command { createRole: …, lsid: …, signature: … }": of the command only its name is
 * for people.
 */
function withoutCommand(message: string): string {
  return message.replace(/\{\s*"?(\w+)"?\s*:.*$/s, '$1').replace(/\.$/, '')
}

const unreachable = (cause: Error, uri: string): MigrationError =>
  new MigrationError('UNREACHABLE', `no primary answers at ${hostsOf(uri)} (${cause.message}).`, { cause })

/** A server answered, and named others that cannot be reached by these names. */
function memberError(cause: MongoServerSelectionError, uri: string): MigrationError | undefined {
  // Behind a record of the DNS there are always names that nobody wrote.
  const told = isSrv(uri) ? [] : membersToldBy(cause, hostsOf(uri).split(','))
  if (told.length === 0) return undefined
  const message = `${hostsOf(uri)} says that its replica set is at ${told.join(', ')}, where no primary answers (${cause.message}).`
  return new MigrationError('MEMBERS_UNREACHABLE', message, { cause })
}

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
