import { ChangeStreamError } from '@freshet/change-stream'
import { membersOf } from './json-text.ts'
import { droppedCollection, mongodbRemedies } from './mongodb.ts'
import { orderOf, type SourceBlock, type SourceOrder } from './order.ts'
import type { LogRecord } from './transport.ts'
import { lacksValueIn } from './unavailable.ts'

/** The table of a row, with the names that its connector gives. */
export interface TableName {
  readonly database: string
  readonly schema: string | undefined
  readonly table: string
}

/** A row that was written, deleted, or read by a snapshot. */
export interface RowRecord {
  readonly kind: 'row'
  readonly op: 'c' | 'u' | 'd' | 'r'
  readonly table: TableName
  /** The text of each column of the key. */
  readonly key: ReadonlyMap<string, string>
  /** Whether rows of another table may have the same key in the log, so that compaction would mix them up. */
  readonly keyIsShared: boolean
  /** The text of the new row; `undefined` in an update: it was not logged. */
  readonly after: string | undefined
  readonly origin: RecordOrigin
}

/** Where a record comes from. */
export interface RecordOrigin {
  /** `topic.prefix`: one connector. */
  readonly server: string
  readonly connector: string
  readonly order: SourceOrder | undefined
  /** The value of `source.snapshot`; `undefined` for changes that were followed. */
  readonly snapshot: string | undefined
  /** `undefined` without a transaction. */
  readonly transaction: string | undefined
  /** `source.ts_ms`: when the change was made. */
  readonly atMs: number
}

/** A table that has no rows any more. */
export interface TruncateRecord {
  readonly kind: 'truncate'
  readonly table: TableName
  /** The table that was given this name has other rows now. */
  readonly renamedTo: TableName | undefined
  readonly origin: RecordOrigin
}

/** What Debezium notifies of a snapshot: it begins, reads a table, has read everything, or is not taken. */
export interface SnapshotRecord {
  readonly kind: 'snapshot'
  readonly status: 'started' | 'reading' | 'completed' | 'skipped'
  readonly atMs: number
  /** See `RowRecord`. */
  readonly keyIsShared: boolean
}

export type DebeziumRecord =
  | RowRecord
  | TruncateRecord
  | { readonly kind: 'message'; readonly origin: RecordOrigin }
  | { readonly kind: 'begin'; readonly transaction: string }
  | { readonly kind: 'end'; readonly transaction: string; readonly events: number }
  | { readonly kind: 'heartbeat'; readonly atMs: number }
  | SnapshotRecord
  /** Tombstones, changed definitions, and other notifications. */
  | { readonly kind: 'other' }

/** Whether a value of a row was not logged. */
export function lacksValue({ op, after }: RowRecord): boolean {
  return after === undefined ? op !== 'd' : lacksValueIn(after)
}

const other: DebeziumRecord = { kind: 'other' }

/** Added to keys by the router that puts all tables into one topic. */
const addedToKeys = '__dbz__physicalTableIdentifier'

/** Decodes one record of Debezium, as written by the JSON converter with or without schemas. */
export class RecordDecoder {
  /** @throws {ChangeStreamError} UNSUPPORTED: not a record of Debezium, or not as configured in the documentation. */
  decode(record: LogRecord): DebeziumRecord {
    try {
      return this.#decode(record)
    } catch (error) {
      if (error instanceof SyntaxError) throw unknown(record.offset, 'valid JSON')
      throw error
    }
  }

  #decode({ offset, key, value }: LogRecord): DebeziumRecord {
    if (value === undefined || value.length === 0) return other
    const members = payloadOf(value)
    if (members === undefined) throw unknown(offset, 'a JSON object as the value')
    const status = jsonIn(members, 'status')
    if (status === 'BEGIN' || status === 'END') return markOf(status, members, offset)
    if (members.has('aggregate_type')) return notificationOf(key, members)
    const sourceText = members.get('source')
    const op = jsonIn(members, 'op')
    if (sourceText === undefined || op === undefined) {
      if (members.has('ddl')) return other
      if (members.has('ts_ms')) return { kind: 'heartbeat', atMs: Number(jsonIn(members, 'ts_ms')) }
      throw unknown(
        offset,
        'an envelope with source and op',
        'Do not use the transform ExtractNewRecordState.',
      )
    }
    const source = objectOf(sourceText)
    const origin = originOf(source, members)
    if (op === 'm') return { kind: 'message', origin }
    const table = tableOf(source, offset)
    if (op === 't') {
      const transaction = origin.transaction ?? truncationOf(source)
      return { kind: 'truncate', table, renamedTo: undefined, origin: { ...origin, transaction } }
    }
    if (op !== 'c' && op !== 'u' && op !== 'd' && op !== 'r')
      throw unknown(offset, `an operation c, u, d, r, t or m, got ${JSON.stringify(op)}`)
    const { connector } = origin
    if (connector === 'mongodb' && origin.snapshot === undefined && origin.order === undefined)
      throw unknown(
        offset,
        'the whole seconds of the cluster time in source.ts_ms',
        mongodbRemedies.clusterTime,
      )
    const after = members.get('after')
    const hasAfter = after !== undefined && after !== 'null'
    // A document of MongoDB is a text, and an update may lack it.
    if (
      hasAfter
        ? connector !== 'mongodb' && !after.startsWith('{')
        : op !== 'd' && !(connector === 'mongodb' && op === 'u')
    )
      throw unknown(offset, 'the row in after')
    const logged = hasAfter ? after : undefined
    const row: RowRecord = { kind: 'row', op, table, ...keyOf(key, members, offset), after: logged, origin }
    return (connector === 'mongodb' && op === 'd' && droppedCollection(row)) || row
  }
}

function unknown(offset: number, expected: string, remedy?: string): ChangeStreamError {
  return new ChangeStreamError('UNSUPPORTED', `expected ${expected}, in the record at offset ${offset}`, {
    remedy: remedy ?? 'Configure Debezium as described in docs/debezium.md.',
  })
}

/** The members of a JSON object, which the JSON converter may have wrapped with its schema. */
function payloadOf(bytes: Uint8Array): ReadonlyMap<string, string> | undefined {
  const members = membersOf(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'))
  if (members?.size !== 2 || !members.has('schema')) return members
  const payload = members.get('payload')
  return payload === undefined ? members : membersOf(payload)
}

function jsonIn(members: ReadonlyMap<string, string>, name: string): unknown {
  const text = members.get(name)
  return text === undefined ? undefined : JSON.parse(text)
}

function objectOf(text: string): SourceBlock {
  const value: unknown = JSON.parse(text)
  return value !== null && typeof value === 'object' ? { ...value } : {}
}

function markOf(
  status: 'BEGIN' | 'END',
  members: ReadonlyMap<string, string>,
  offset: number,
): DebeziumRecord {
  const id = jsonIn(members, 'id')
  if (typeof id !== 'string') throw unknown(offset, 'the id of a transaction')
  const transaction = transactionOf(id)
  if (status === 'BEGIN') return { kind: 'begin', transaction }
  const events = jsonIn(members, 'event_count')
  return { kind: 'end', transaction, events: typeof events === 'number' ? events : 0 }
}

const statuses: Readonly<Record<string, SnapshotRecord['status']>> = {
  STARTED: 'started',
  IN_PROGRESS: 'reading',
  TABLE_CHUNK_IN_PROGRESS: 'reading',
  COMPLETED: 'completed',
  SKIPPED: 'skipped',
}

/** Debezium notifies of more. */
function notificationOf(key: Uint8Array | undefined, members: ReadonlyMap<string, string>): DebeziumRecord {
  if (jsonIn(members, 'aggregate_type') !== 'Initial Snapshot') return other
  const status = statuses[String(jsonIn(members, 'type'))]
  const atMs = Number(jsonIn(members, 'timestamp'))
  const keyMembers = key && payloadOf(key)
  const keyIsShared = keyMembers !== undefined && !keyMembers.has(addedToKeys)
  return status === undefined ? other : { kind: 'snapshot', status, atMs, keyIsShared }
}

/** For PostgreSQL the number of the transaction: behind the colon is the place of one record of it. */
function transactionOf(id: string): string {
  return /^\d+:\d+$/.test(id) ? id.slice(0, id.indexOf(':')) : id
}

function originOf(source: SourceBlock, members: ReadonlyMap<string, string>): RecordOrigin {
  const { name, connector, snapshot, lsid, txnNumber, ts_ms } = source
  const block = members.get('transaction')
  // MongoDB's connector names the transaction in the source too.
  const id = typeof lsid === 'string' ? `${lsid}:${String(txnNumber)}` : block && objectOf(block)['id']
  return {
    server: String(name),
    connector: String(connector),
    order: orderOf(source),
    snapshot: typeof snapshot === 'string' && snapshot !== 'false' ? snapshot : undefined,
    transaction: typeof id === 'string' ? transactionOf(id) : undefined,
    atMs: Number(ts_ms),
  }
}

/** A TRUNCATE of MySQL is a transaction by itself, which Debezium 3.6 does not name: the GTID does, or else its place. */
function truncationOf(source: SourceBlock): string | undefined {
  const { connector, gtid } = source
  if (connector !== 'mysql') return undefined
  return typeof gtid === 'string' ? gtid : orderOf(source)?.change
}

function tableOf({ db, schema, table, collection }: SourceBlock, offset: number): TableName {
  const name = table ?? collection
  if (typeof db !== 'string' || typeof name !== 'string') throw unknown(offset, 'the table in source')
  return { database: db, schema: typeof schema === 'string' ? schema : undefined, table: name }
}

/** Without a key, as from NATS, the column `id` of the row has to do. */
function keyOf(
  key: Uint8Array | undefined,
  row: ReadonlyMap<string, string>,
  offset: number,
): Pick<RowRecord, 'key' | 'keyIsShared'> {
  if (key !== undefined && key.length > 0) {
    const members = payloadOf(key)
    if (members === undefined)
      throw unknown(
        offset,
        'a JSON object as the key',
        'Set key.converter=org.apache.kafka.connect.json.JsonConverter, and use no transform that replaces keys.',
      )
    for (const text of members.values()) JSON.parse(text)
    return {
      key: new Map([...members].filter(([name]) => name !== addedToKeys)),
      keyIsShared: !members.has(addedToKeys),
    }
  }
  const texts = [row.get('after'), row.get('before')]
  const id = texts.map((text) => text && membersOf(text)?.get('id')).find((one) => one !== undefined)
  if (id === undefined)
    throw unknown(
      offset,
      'a key, or a column id',
      'Give the table a primary key, or set message.key.columns.',
    )
  return { key: new Map([['id', id]]), keyIsShared: false }
}
