import type { Admin, Collection, Db, GridFSBucket, MongoClient } from 'mongodb'

/** What an attack can use: everything reachable from the driver's own client. */
export interface Target {
  readonly client: MongoClient
  readonly db: Db
  /** A collection that contains `{_id: 1, a: 1}` and `{_id: 2, a: 2}`. */
  readonly docs: Collection
  readonly admin: Admin
  readonly files: GridFSBucket
  /** The address of the client, with its user. */
  readonly uri: string
  /** The URL of the writer. */
  readonly writer: string
  /** The `fetch` for requests to it. */
  readonly fetch: typeof fetch
}

/**
 * What happens when a reader's user does it without the guard. `denied`: code 13. `invalid`: the server (of this
 * version) refuses it for everyone. `no error`: there is none, because nobody waits for the reply, or because it
 * changes nothing and only runs foreign code in the server. `not asked`: it goes to the writer, and no database role
 * applies. Data never changes.
 */
export type ByRole = 'denied' | 'invalid' | 'no error' | 'not asked'

/** One way to write, tried at every layer where it applies. */
export interface Attack {
  readonly name: string
  /** The driver methods that this attack tries, as `Class.method`. */
  readonly methods: readonly string[]
  /**
   * G1: the attempt through a `ReadConnection`, as source code. It has `connection`, and the package as `guard`. For
   * what the compiler cannot see, the reason.
   */
  readonly source: string | { readonly unseen: string }
  /** G2: the lines by which code imports or finds what it needs; it is enough if one of them is refused. */
  readonly needs: readonly string[]
  /** G3: why the veto does not apply. */
  readonly besideVeto?: string
  /** G4 */
  readonly byRole: ByRole
  readonly run: (target: Target) => Promise<unknown>
}

/** What most attacks have in common. */
interface Details extends Partial<Pick<Attack, 'methods' | 'source' | 'needs' | 'besideVeto' | 'byRole'>> {}

/** One row of the table. An attack that is named after a driver method tries that method. */
export function attack(name: string, run: Attack['run'], details: Details = {}): Attack {
  const methods = details.methods ?? (/^[A-Z]\w+\.\w+$/.test(name) ? [name] : [])
  const [first] = methods
  const source = details.source ?? (first === undefined ? { unseen: '' } : sourceOf(first))
  return { name, run, methods, source, needs: ["import 'mongodb'"], byRole: 'denied', ...details }
}

/** How code with only a `ReadConnection` would try to get an instance of a driver class. */
const ways: Readonly<Record<string, string>> = {
  Admin: 'connection.admin()',
  AggregationCursor: "connection.collection('docs').aggregate([])",
  ClientEncryption: 'new guard.ClientEncryption(connection.client)',
  ClientSession: 'connection.client.startSession()',
  Collection: "connection.collection('docs')",
  Db: 'connection',
  GridFSBucket: 'new guard.GridFSBucket(connection)',
  GridFSBucketWriteStream: "new guard.GridFSBucket(connection).openUploadStream('name')",
  MongoClient: 'connection.client',
  OrderedBulkOperation: "connection.collection('docs').initializeOrderedBulkOp()",
}

function sourceOf(method: string): string {
  const [className = '', name = ''] = method.split('.')
  const way = ways[className]
  if (way === undefined) throw new Error(`no way is known to ${className}`)
  return `${way}.${name}()`
}
