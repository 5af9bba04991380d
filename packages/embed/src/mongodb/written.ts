import { allowedCommands } from '@freshet/guard'
import { someId, type Written } from '@freshet/handlers'
import { Binary, BSON, Double, Int32, Long, ObjectId, type Document } from 'mongodb'

/** Other commands that do not write. The writes of a transaction are checked one by one. */
const otherReads: ReadonlySet<string> = new Set([
  ...allowedCommands,
  'abortTransaction',
  'buildInfo',
  'collStats',
  'commitTransaction',
  'count',
  'currentOp',
  'dataSize',
  'dbStats',
  'distinct',
  'getParameter',
  'hostInfo',
  'killSessions',
  'listDatabases',
  'listIndexes',
  'refreshSessions',
  'replSetGetStatus',
  'serverStatus',
  'startSession',
  'usersInfo',
])

/** Where each writing command names its documents. */
const statements: Readonly<Record<string, (command: Document) => readonly unknown[]>> = {
  insert: ({ documents }) => listOf(documents).map((document) => idIn(document)),
  update: ({ updates }) => listOf(updates).map((statement) => idIn(fieldOf(statement, 'q'))),
  delete: ({ deletes }) => listOf(deletes).map((statement) => idIn(fieldOf(statement, 'q'))),
  findAndModify: ({ query }) => [idIn(query)],
}

/** Where each reply counts changes. Setting a field to its current value is no change and causes no event. */
const changes: Readonly<Record<string, (field: (name: string) => unknown) => number>> = {
  update: (field) => Number(field('nModified')) + listOf(field('upserted')).length,
  delete: (field) => Number(field('n')),
  bulkWrite: (field) =>
    ['nInserted', 'nModified', 'nUpserted', 'nDeleted'].reduce((sum, name) => sum + Number(field(name)), 0),
  // `$merge` does not report a count; usually many.
  aggregate: () => 100,
}

/** What a driver command would write; `undefined` for nothing. Unknown commands count as writes. */
export function writtenBy(
  command: Document,
  database: string,
  home: string | undefined,
): Written | undefined {
  const [name = ''] = Object.keys(command)
  const placed = (collection: string, db: string = database): string =>
    db === home ? collection : `${db}.${collection}`
  // Explaining a command may run parts of it.
  if (name === 'explain') return writtenBy(Object(command[name]), database, home)
  if (name === 'validate' && !command['repair'] && !command['fixMultikey']) return undefined
  if (name === 'bulkWrite') return bulkWritten(command, placed)
  if (name === 'aggregate') {
    const collections = targetsIn(command['pipeline']).map((target) => placed(...target))
    return collections.length === 0 ? undefined : { collections, keys: [] }
  }
  if (otherReads.has(name)) return undefined
  const collection: unknown = command[name]
  if (typeof collection !== 'string') return { collections: [undefined], keys: [] }
  const ids = statements[name]?.(command) ?? []
  const keys = ids.flatMap(textsOrSome).map((id) => `${placed(collection)}/${id}`)
  return { collections: [placed(collection)], keys }
}

/** One command for several collections, named by `database.collection`. */
function bulkWritten(command: Document, placed: (collection: string, database: string) => string): Written {
  const collections = listOf(command['nsInfo']).map((info) => {
    const [database = '', ...rest] = String(fieldOf(info, 'ns')).split('.')
    return placed(rest.join('.'), database)
  })
  const keys = listOf(command['ops']).flatMap((op) => {
    const index = ['insert', 'update', 'delete'].map((kind) => fieldOf(op, kind)).find(Number.isInteger)
    const id = idIn(fieldOf(op, 'document') ?? fieldOf(op, 'filter'))
    return textsOrSome(id).map((text) => `${collections[Number(index)]}/${text}`)
  })
  return { collections, keys }
}

/** Targets of `$out` and `$merge`, at any depth: collection and, if given, database. */
function targetsIn(pipeline: unknown): readonly Target[] {
  const targets: Target[] = []
  // As the server will see it: a stage's `toBSON` may return something else.
  walk(BSON.deserialize(BSON.serialize({ pipeline })), (key, value) => {
    if (key === '$out') targets.push(targetOf(value))
    else if (key === '$merge') targets.push(targetOf(fieldOf(value, 'into') ?? value))
  })
  return targets
}

type Target = readonly [collection: string, database?: string]

function targetOf(target: unknown): Target {
  if (typeof target === 'string') return [target]
  const database = fieldOf(target, 'db')
  const collection = String(fieldOf(target, 'coll'))
  return typeof database === 'string' ? [collection, database] : [collection]
}

function walk(value: unknown, visit: (key: string, value: unknown) => void): void {
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    visit(key, inner)
    walk(inner, visit)
  }
}

/** Arrays may be inline or in a separate document sequence. */
function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  const documents = fieldOf(value, 'documents')
  return Array.isArray(documents) ? documents : []
}

function idIn(document: unknown): unknown {
  return document instanceof Map ? document.get('_id') : fieldOf(document, '_id')
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

/** Without a valid id, all that is known is that some document changes. */
function textsOrSome(id: unknown): readonly string[] {
  const texts = textsOf(id)
  return texts.length === 0 ? [someId] : texts
}

/** Number of documents changed, according to the reply; `undefined` if unknown. */
export function changedBy(command: Document, reply: unknown): number | undefined {
  const [name = ''] = Object.keys(command)
  const read = changes[name]
  if (read === undefined) return undefined
  const changed = read((field) => fieldOf(reply, field))
  return Number.isFinite(changed) ? changed : undefined
}

/** Ids in the form used in URLs. A condition may name several. */
function textsOf(id: unknown): readonly string[] {
  if (typeof id === 'string' || typeof id === 'number' || typeof id === 'bigint') return [String(id)]
  if (typeof id !== 'object' || id === null) return []
  if (id instanceof Binary) return id.sub_type === Binary.SUBTYPE_UUID ? [id.toUUID().toString()] : []
  if (id instanceof ObjectId) return [id.toHexString()]
  if (id instanceof Long || id instanceof Int32 || id instanceof Double) return [id.toString()]
  return [...listOf(fieldOf(id, '$in')), fieldOf(id, '$eq')].flatMap(textsOf)
}
