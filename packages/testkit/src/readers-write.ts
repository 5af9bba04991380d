import { MongoClient, MongoError } from 'mongodb'
import { standardErrorLog } from './log.ts'
import { uriThrough } from './uri-through.ts'

/** Read commands. A write inside one (`$out`, `$merge`) has its own profiler entry. */
const reading = [
  'aggregate',
  'connectionStatus',
  'count',
  'distinct',
  'endSessions',
  'explain',
  'find',
  'getMore',
  'hello',
  'isMaster',
  'ismaster',
  'killCursors',
  'listCollections',
  'logout',
  'ping',
  'saslContinue',
  'saslStart',
]

const UNAUTHORIZED = 13

/**
 * Profiler filter: every permitted command that is not a read, from any Freshet user except the writer. Users added later
 * count as readers until someone decides otherwise.
 */
export const writtenByReaders: Readonly<Record<string, unknown>> = {
  user: { $regex: '^freshet-(?!writer@)' },
  errCode: { $ne: UNAUTHORIZED },
  $or: [
    { op: { $in: ['insert', 'update', 'remove'] } },
    { op: 'command', $nor: reading.map((name) => ({ [`command.${name}`]: { $exists: true } })) },
  ],
}

/**
 * Reads the profiler entries of one server. They are stored in the database they refer to, so they are lost when it is
 * dropped, and those after the last checkpoint when the server is killed.
 */
export async function writesOfReaders(rootUri: string, port: number): Promise<readonly string[]> {
  await using client = new MongoClient(uriThrough(rootUri, port), {
    readPreference: 'secondaryPreferred',
    serverSelectionTimeoutMS: 5_000,
  })
  try {
    const { databases } = await client.db('admin').admin().listDatabases({ nameOnly: true })
    const lines = databases.map(({ name }) => client.db(name).collection('system.profile').find().toArray())
    return (await Promise.all(lines))
      .flat()
      .filter(({ user }) => /^freshet-(?!writer@)/.test(String(user)))
      .map(({ user, op, ns, command = {} }) => `${user} ${op} ${ns} ${Object.keys(command)[0] ?? ''}`.trim())
  } catch (error) {
    if (!(error instanceof MongoError)) throw error
    // A test may leave a server that does not answer or fails on purpose. That is no write by a reader.
    standardErrorLog.warn({ port, reason: error.message }, 'could not check for writes by readers')
    return []
  }
}
