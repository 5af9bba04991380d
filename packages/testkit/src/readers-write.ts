import { MongoClient, MongoError } from 'mongodb'
import { standardErrorLog } from './log.ts'
import { uriThrough } from './uri-through.ts'

/** The commands that write nothing by themselves; a statement inside of them has a line of its own (`$out`, `$merge`). */
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
 * What the server writes down: everything but a read that one of our users did who is not the writer, and that his role
 * let pass. Of users whom nobody knows yet it is a reader's until someone decides.
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
 * Asks one server what it wrote down. It keeps a line with the database it is about, and on its own disk since the last
 * checkpoint: so a drop takes it away, and a loss of power may.
 */
export async function writesOfReaders(
  rootUri: string,
  { port }: { readonly port: number },
): Promise<readonly string[]> {
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
    // A test may leave a server behind that does not answer, or that fails on purpose; that is no fault of a reader.
    standardErrorLog.warn({ port, reason: error.message }, 'nobody could be asked whether readers wrote')
    return []
  }
}
