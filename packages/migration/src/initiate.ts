import { MongoClient } from 'mongodb'
import { migrationErrorOf } from './driver-errors.ts'
import { MigrationError } from './errors.ts'
import { helloOf } from './examine-server.ts'
import { hostsOf, setNameOf, withoutSet } from './uri.ts'

const connectWithinMs = 5_000

/**
 * Makes the server at an address a replica set of one member, unless it is in a replica set already. The address names the
 * set (`replicaSet=…`) and the host by which all services reach the server. Without users, `__system` and the content of the
 * key file are credentials: https://www.mongodb.com/docs/manual/core/security-internal-authentication/
 * @returns one line if it did something.
 * @throws {MigrationError}
 */
export async function initiate(uri: string): Promise<readonly string[]> {
  const setName = setNameOf(uri)
  const [host = ''] = hostsOf(uri).split(',')
  if (setName === undefined)
    throw new MigrationError('BAD_ADDRESS', 'the address names no replica set (replicaSet=…).')
  const client = new MongoClient(withoutSet(uri), {
    appName: 'freshet migrate',
    serverSelectionTimeoutMS: connectWithinMs,
    connectTimeoutMS: connectWithinMs,
  })
  try {
    await client.connect()
    if ((await helloOf(client)).setName !== undefined) return []
    await client.db('admin').command({ replSetInitiate: { _id: setName, members: [{ _id: 0, host }] } })
    return [`replica set ${setName}`]
  } catch (error) {
    throw await migrationErrorOf(error, uri)
  } finally {
    await client.close()
  }
}
