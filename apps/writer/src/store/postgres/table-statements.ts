import { quoted, tableAt } from '@freshet/postgres-rules'
import type { IdType, StoredCollection } from '@freshet/protocol'

const keyTypes: Readonly<Record<IdType, string>> = {
  string: 'text',
  objectid: 'text',
  integer: 'bigint',
  uuid: 'uuid',
}

/**
 * Matches text that contains no number a double could not represent: none with more than 15 digits, or with an exponent of three.
 * What it does not match is read first.
 */
const surelyPlain = `document::text !~ '[0-9.]{16}|[0-9][eE][-+]?[0-9]{3}'`

/** The statements on a table of documents. `$1` is the id as text, `$2` the document without it. */
export interface TableStatements {
  /** Returns a row if it inserted one. */
  readonly insert: string
  /** Returns a row with `t` or `f`: whether it inserted one. None: the document is stored already. */
  readonly upsert: string
  /** Returns a row if it replaced a plain document by a different one. */
  readonly replacePlain: string
  readonly update: string
  /** Returns a row if it deleted one. */
  readonly remove: string
  /** Locks the row and returns its size in bytes, and the document unless that is more than `$2`. */
  readonly readLocked: string
}

const made = new Map<string, TableStatements>()

/** The statements on the table of a collection. */
export function statementsOf({ stored, idType }: StoredCollection): TableStatements {
  const known = made.get(`${idType} ${stored}`)
  if (known !== undefined) return known
  const { schema, name } = tableAt(stored)
  const table = `${quoted(schema)}.${quoted(name)}`
  const id = `$1::text::${keyTypes[idType]}`
  const document = '$2::text::json'
  const insert = `insert into ${table} as stored (id, document) values (${id}, ${document})`
  const statements: TableStatements = {
    insert: `${insert} on conflict (id) do nothing returning 1`,
    upsert: `${insert} on conflict (id) do update set document = excluded.document
      where stored.document::text <> excluded.document::text returning xmax = 0`,
    replacePlain: `update ${table} set document = ${document}
      where id = ${id} and document::text <> $2::text and ${surelyPlain} returning 1`,
    update: `update ${table} set document = ${document} where id = ${id}`,
    remove: `delete from ${table} where id = ${id} returning 1`,
    readLocked: `select octet_length(document::text), case when octet_length(document::text) <= $2::int8 then document::text end
      from ${table} where id = ${id} for update`,
  }
  made.set(`${idType} ${stored}`, statements)
  return statements
}
