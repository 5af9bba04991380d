import { findTable, holdsDocuments, quoted, tableAt, type Query } from '@freshet/postgres-rules'
import type { Check } from '../collection-checks.ts'
import type { DatabaseConnection } from './connection.ts'

export interface TableChecksParts {
  readonly connection: Pick<DatabaseConnection, 'writing'>
  readonly publication: string
}

/** BEFORE (2) or INSTEAD OF (64) for each row (1): see `pg_trigger.h`. */
const changing = `select tgname from pg_trigger where tgrelid = $1::text::regclass and not tgisinternal and tgenabled <> 'D'
  and tgtype & 1 <> 0 and tgtype & 66 <> 0
  union all select rulename from pg_rewrite where ev_class = $1::text::regclass and ev_enabled <> 'D' limit 1`

const fuzzy = `select from pg_attribute a join pg_collation c on c.oid = a.attcollation
  where a.attrelid = $1::text::regclass and a.attname = 'id' and not c.collisdeterministic`

/** Why the writer does not write to a table: readers cannot follow it, or would see something else than the answer says. */
export function tableCheck({ connection, publication }: TableChecksParts): Check {
  return ({ stored, idType }) =>
    connection.writing(async (session) => {
      const query: Query = (statement, values = []) =>
        session.query('transaction', statement, values.map(asValue))
      const table = { collection: stored, idType, ...tableAt(stored) }
      const found = await findTable(query, table, publication)
      if ('fault' in found) return found.fault
      if (!holdsDocuments(found.layout.columns) || found.layout.key.name !== 'id')
        return 'only tables with exactly the columns id, their key, and document, of the type json, can be written over HTTP'
      const name = `${quoted(table.schema)}.${quoted(table.name)}`
      const [trigger] = await query(changing, [name])
      if (trigger)
        return `${String(trigger[0])} may change what is written: use AFTER triggers only, and no rules`
      return (await query(fuzzy, [name])).length > 0
        ? 'the collation of its ids treats different ids as equal: use a deterministic one, such as "C"'
        : undefined
    })
}

function asValue(value: unknown): string {
  // The only other values are lists of names.
  return Array.isArray(value) ? `{${value.map((one) => `"${String(one)}"`).join(',')}}` : String(value)
}
