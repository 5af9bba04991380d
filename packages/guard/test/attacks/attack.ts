import type { Admin, Collection, Db, GridFSBucket, MongoClient } from 'mongodb'

/** What an attack gets: everything that the driver's own client leads to. */
export interface Target {
  readonly client: MongoClient
  readonly db: Db
  /** A collection that holds `{_id: 1, a: 1}` and `{_id: 2, a: 2}`. */
  readonly docs: Collection
  readonly admin: Admin
  readonly files: GridFSBucket
  /** The address that the client has, with its user. */
  readonly uri: string
  /** Where the writer would hear. */
  readonly writer: string
  /** By which it would be asked. */
  readonly fetch: typeof fetch
}

/**
 * What happens when a reader's user does it and nothing of the guard is in the way. `denied`: code 13. `invalid`: the
 * server (of this version) refuses it for everybody. `no error`: nobody hears of one, either because nobody waits for
 * the answer, or because it changes nothing and only runs foreign code in the server. `not asked`: it is the writer that
 * hears of it, and no role of a database is in the way. Data never changes.
 */
export type ByRole = 'denied' | 'invalid' | 'no error' | 'not asked'

/** One way to write, tried at every layer where it applies. */
export interface Attack {
  readonly name: string
  /** The driver's methods that this attack is the try of, as `Class.method`. */
  readonly methods: readonly string[]
  /**
   * G1: the try through the reader's door, as source. It sees `connection`, and `guard`, the package. What
   * the compiler cannot see says why.
   */
  readonly source: string | { readonly unseen: string }
  /** G2: the lines by which code imports, or finds in the world, what it must have; any of them refused is enough. */
  readonly needs: readonly string[]
  /** G3: why the veto is not in its way. */
  readonly besideVeto?: string
  /** G4 */
  readonly byRole: ByRole
  readonly run: (target: Target) => Promise<unknown>
}

/** What most attacks have in common. */
interface Details extends Partial<Pick<Attack, 'methods' | 'source' | 'needs' | 'besideVeto' | 'byRole'>> {}

/** One row of the table. An attack that is named after a method of the driver is a try of that method. */
export function attack(name: string, run: Attack['run'], details: Details = {}): Attack {
  const methods = details.methods ?? (/^[A-Z]\w+\.\w+$/.test(name) ? [name] : [])
  const [first] = methods
  const source = details.source ?? (first === undefined ? { unseen: '' } : sourceOf(first))
  return { name, run, methods, source, needs: ["import 'mongodb'"], byRole: 'denied', ...details }
}

/** How code that has only the reader's door would try to get at a class of the driver. */
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
