import { ChangeStreamError, type SourceReads, type SourceReply } from '@freshet/change-stream'
import type { Bytes, Id, IdType, Position } from '@freshet/protocol'
import {
  findTable,
  fingerprintOf,
  idIn,
  quoted,
  serverExpression,
  type Field,
  type Layout,
  type Query,
  type Table,
} from '@freshet/postgres-rules'
import { sqlStateOf } from './errors.ts'
import type { Fences } from './fences.ts'
import type { FollowedServer } from './identity.ts'
import type { LogPosition } from './log-position.ts'
import type { PublishedTables } from './published-tables.ts'
import { RowMapping } from './row-json.ts'
import { Snapshot, type AppliedTransactions } from './transactions.ts'

export interface PostgresReadsParts {
  readonly query: Query
  readonly tables: ReadonlyMap<string, Table>
  readonly publication: string
  readonly applied: AppliedTransactions
  readonly followed: FollowedServer
  readonly log: LogPosition
  readonly fences: Fences
  readonly published: PublishedTables
}

/** How the documents of a table are read. */
interface Reading {
  readonly layout: Layout
  readonly statement: string
  readonly mapping: RowMapping
}

const arrayTypes: Readonly<Record<IdType, string>> = {
  string: 'text[]',
  objectid: 'text[]',
  integer: 'bigint[]',
  uuid: 'uuid[]',
}

/** The columns of the header, which is the same in all rows, then the id and the size. */
const headerFields = 6

/** A table or column of a statement no longer exists, or has another type. */
const layoutErrors: ReadonlySet<string> = new Set(['42P01', '42703', '42883', '42804', '42809'])

/** Above this, only some pages of a table are sampled. */
const LARGE_ROWS = 10_000

/** Pages for so many times the wanted rows, because those of a page are neighbors. */
const SPARE_SAMPLES = 10

/** Above what a table's rows take as text; the replica passes a limit. */
const noLimit = 2 ** 31 - 1

/**
 * Reads of PostgreSQL's present state. One statement returns rows, what it sees, and the end of the log. It has seen every
 * change up to the position if the transactions that the feed has reported are among what it sees, and none behind the end of
 * the log, because a commit is in the log before any statement sees it.
 */
export class PostgresReads implements SourceReads {
  readonly #parts: PostgresReadsParts
  readonly #readings = new Map<string, Promise<Reading>>()

  constructor(parts: PostgresReadsParts) {
    this.#parts = parts
  }

  async read(
    position: Position,
    collection: string,
    ids: readonly Id[],
    _signal: AbortSignal,
    maxDocumentBytes = noLimit,
  ): Promise<SourceReply> {
    const { applied, followed, log, fences, query } = this.#parts
    const { layout, statement, mapping } = await this.#reading(collection)
    const expected = applied.unseenAt(position)
    const rows = await query(statement, [ids, maxDocumentBytes]).catch((error: unknown) => {
      this.#forget(collection, error)
      throw error
    })
    const [snapshot, lsn, server, fingerprint] = rows[0] ?? []
    followed.expect(server ?? '')
    const seen = new Snapshot(snapshot ?? '')
    const late = expected.some(({ xid }) => !seen.sees(xid))
    applied.saw(seen)
    if (fingerprint !== layout.fingerprint) this.#readings.delete(collection)
    if (late || fingerprint !== layout.fingerprint) return { kind: 'behind-feed' }
    const end = await log.endOf(lsn ?? '')
    const until = end > position ? end : position
    fences.want(until)
    return { kind: 'fenced', until, ...documentsIn(rows, mapping, maxDocumentBytes) }
  }

  async head(_signal: AbortSignal): Promise<Position> {
    const head = await this.#parts.log.head()
    this.#parts.fences.want(head)
    return head
  }

  async check(
    collections: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, string | undefined>> {
    const { query, publication, published } = this.#parts
    const faults = new Map<string, string | undefined>()
    for (const collection of collections) {
      const found = await findTable(query, this.#table(collection), publication)
      if ('fault' in found) published.refused(collection)
      const fault =
        'fault' in found ? found.fault : await published.faultOf(collection, found.published, signal)
      faults.set(collection, fault)
    }
    return faults
  }

  /** Ids of some rows, at random. */
  async sampleIds(collection: string, limit: number): Promise<readonly Id[]> {
    const { schema, name, idType } = this.#table(collection)
    const { layout } = await this.#reading(collection)
    const from = `${quoted(schema)}.${quoted(name)}`
    const [row] = await this.#parts.query(
      'select reltuples::int8 from pg_class where oid = to_regclass($1)',
      [from],
    )
    const rows = Number(row?.[0])
    const percent = rows > LARGE_ROWS ? Math.min(100, (100 * limit * SPARE_SAMPLES) / rows) : 100
    const ids = await this.#parts.query(
      `select ${quoted(layout.key.name)}::text from only ${from} tablesample system (${percent}) order by random() limit $1`,
      [limit],
    )
    return ids.flatMap(([id]) => idIn(idType, id) ?? [])
  }

  #table(collection: string): Table {
    const table = this.#parts.tables.get(collection)
    if (table === undefined) throw new TypeError(`expected a followed collection, got '${collection}'`)
    return table
  }

  #reading(collection: string): Promise<Reading> {
    const known = this.#readings.get(collection)
    if (known !== undefined) return known
    const reading = this.#plan(this.#table(collection))
    this.#readings.set(collection, reading)
    reading.catch(() => this.#readings.delete(collection))
    return reading
  }

  async #plan(table: Table): Promise<Reading> {
    const found = await findTable(this.#parts.query, table, this.#parts.publication)
    if ('fault' in found)
      throw new ChangeStreamError(
        'POSITION_UNAVAILABLE',
        `'${table.collection}' cannot be read: ${found.fault}`,
      )
    const { layout } = found
    return { layout, statement: statementOf(table, layout), mapping: new RowMapping(layout.columns) }
  }

  /** The table was changed or dropped since the statement was made. */
  #forget(collection: string, error: unknown): void {
    const cause = error instanceof Error ? error.cause : undefined
    if (layoutErrors.has(sqlStateOf(cause) ?? '')) this.#readings.delete(collection)
  }
}

/**
 * The header is evaluated while the statement runs, after its snapshot was taken. Rows above the limit are returned without
 * their columns. `only`: rows of child tables are changes of other tables. A column may be named as the statement names things, so
 * `t.*` is a row and `t` might not be.
 */
function statementOf({ schema, name, idType }: Table, { columns, key }: Layout): string {
  const from = `${quoted(schema)}.${quoted(name)}`
  const id = `t.${quoted(key.name)}`
  const names = columns.map((column) => `t.${quoted(column.name)}`).join(', ')
  const oid = `to_regclass('${from.replaceAll("'", "''")}')::oid`
  return `
with header as materialized (
  select pg_current_snapshot()::text, pg_current_wal_insert_lsn()::text, ${serverExpression}, ${fingerprintOf(oid)})
select header.*, found.* from header left join lateral (
  select ${id}::text, size.bytes, c.*
  from only ${from} t
  cross join lateral (select octet_length((t.*)::text) as bytes offset 0) size
  left join lateral (select ${names}) c on size.bytes <= $2
  where ${id} = any($1::${arrayTypes[idType]})
) found on true`
}

function documentsIn(
  rows: readonly (readonly Field[])[],
  mapping: RowMapping,
  maxBytes: number,
): {
  readonly documents: ReadonlyMap<Id, Bytes>
  readonly limited?: true
  readonly sizes?: ReadonlyMap<Id, number>
} {
  const documents = new Map<Id, Bytes>()
  const sizes = new Map<Id, number>()
  for (const row of rows) {
    const [id, bytes] = row.slice(4, headerFields)
    if (typeof id !== 'string') continue
    if (Number(bytes) > maxBytes) sizes.set(id, Number(bytes))
    else {
      const document = mapping.document(row, headerFields)
      if (document !== undefined) documents.set(id, document)
    }
  }
  return { documents, ...(sizes.size > 0 && { sizes }) }
}
