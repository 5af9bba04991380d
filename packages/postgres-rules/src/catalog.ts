import type { IdType } from '@freshet/protocol'
import { eventTriggers, eventTriggerStatements, reportedKinds } from './set-up.ts'
import type { Table } from './tables.ts'

/** A value in PostgreSQL's text form, NULL, or `undefined` for a TOAST value that did not change and was not sent. */
export type Field = string | null | undefined

export interface Column {
  readonly name: string
  /** The OID of its type, which may be a domain. */
  readonly type: number
}

/** Runs a statement; all values are text. */
export type Query = (statement: string, values?: readonly unknown[]) => Promise<readonly (readonly Field[])[]>

/** The layout of a table that a read was made for. */
export interface Layout {
  readonly columns: readonly Column[]
  readonly key: Column
  /** Changes with the columns or the key. */
  readonly fingerprint: string
}

/** A hash of everything that decides how a row becomes a document. @param oid an expression. */
export const fingerprintOf = (oid: string): string => `(select md5(
  coalesce((select string_agg(attnum || ':' || attname || ':' || atttypid, ',' order by attnum)
    from pg_attribute where attrelid = ${oid} and attnum > 0 and not attisdropped and attgenerated = ''), '')
  || '/' || coalesce((select indkey::text from pg_index where indrelid = ${oid} and indisprimary), '')))`

/** The types of a key column whose values have one text each, by OID. */
const keyTypes: Readonly<Record<IdType, readonly number[]>> = {
  string: [25, 1043],
  objectid: [25, 1043],
  integer: [20, 21, 23],
  uuid: [2950],
}

/** The types of the columns of `c`, and what these are made of. */
const typesOfTable = `with recursive types(oid) as (
    select atttypid from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped
    union select part from types join pg_type using (oid) cross join lateral (
      select typelem union all select typbasetype
      union all select atttypid from pg_attribute where attrelid = typrelid and attnum > 0 and not attisdropped) as parts(part))
  select oid from types`

const stateOf = `(select string_agg(concat_ws('/', p.oid, p.xmin, pr.oid, pr.xmin), ',') from pg_publication p
    left join pg_publication_rel pr on pr.prpubid = p.oid and pr.prrelid = c.oid where p.pubname = $3)`

const tableQuery = `
select c.relkind, c.relpersistence, c.relispartition, c.relreplident, row_security_active(c.oid),
  has_table_privilege(c.oid, 'SELECT') and has_schema_privilege(n.oid, 'USAGE'),
  (select count(*) from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated <> ''),
  (select json_agg(json_build_object('name', attname, 'type', atttypid::int8) order by attnum)
    from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = ''),
  (select json_agg(a.attname) from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
    where i.indrelid = c.oid and i.indisprimary and i.indimmediate),
  exists (select from pg_publication_tables pt
    where pt.pubname = $3 and pt.schemaname = n.nspname and pt.tablename = c.relname),
  exists (select from pg_publication_rel pr join pg_publication p on p.oid = pr.prpubid
    where p.pubname = $3 and pr.prrelid = c.oid
      and (to_jsonb(pr) ->> 'prqual' is not null or to_jsonb(pr) ->> 'prattrs' is not null)),
  (select p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate
    from pg_publication p where p.pubname = $3),
  exists (select from pg_type where oid in (${typesOfTable}) and typnamespace = 'pg_catalog'::regnamespace
    and (typname ~ '^reg' or typname = 'aclitem')),
  (select count(*) from pg_event_trigger where evtname = any($4::text[])),
  (select count(*) from pg_event_trigger where evtname = any($4::text[]) and evtenabled = 'A'),
  (select count(*) from pg_event_trigger join pg_proc f on f.oid = evtfoid where evtname = any($4::text[])
    and not exists (select from unnest($5::text[]) as kind where position(quote_literal(kind) in f.prosrc) = 0)),
  ${fingerprintOf('c.oid')}, c.oid::text,
  ${stateOf}
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relname = $2`

/** How a table is published. */
export interface Published {
  /** Its OID. */
  readonly table: string
  /** Changes when the publication does, or what it says of the table. */
  readonly state: string
}

/** What is wrong with a table, or how it is read. */
export type Found = { readonly fault: string } | { readonly layout: Layout; readonly published: Published }

const unreported = 'changes of its definition are not all reported: run the migration again, or'
const all = String(eventTriggers.length)

/** Looks a table up, and whether its rows can be followed and read exactly. */
export async function findTable(query: Query, table: Table, publication: string): Promise<Found> {
  const { schema, name, idType } = table
  const [row] = await query(tableQuery, [schema, name, publication, eventTriggers, reportedKinds])
  if (row === undefined) return { fault: `the table ${schema}.${name} does not exist` }
  const [kind, persistence, partition, identity, rowSecurity, readable, generated] = row
  const [columnsJson, keyJson, published, filtered, allKinds, naming, ...ofTriggers] = row.slice(7)
  const [triggers, always, current, fingerprint, oid, state] = ofTriggers
  const columns = columnsIn(columnsJson)
  const [key, ...others] = namesIn(keyJson).map((one) => columns.find((column) => column.name === one))
  const faults: readonly (readonly [boolean, string])[] = [
    [kind !== 'r', 'only ordinary tables can be followed, no views, partitioned or foreign tables'],
    [persistence !== 'p', 'an unlogged or temporary table has no changes in the log'],
    [partition === 't', 'a partition may be published under the name of its parent'],
    [readable !== 't', `the user may not read it: grant select on ${schema}.${name}`],
    [rowSecurity === 't', 'row-level security hides rows from the user: grant it bypassrls'],
    [generated !== '0', 'generated columns are not in the log: remove them, or serve a table without them'],
    [
      naming === 't',
      'the types regclass, regrole, aclitem and the like show names of other objects, which change without the row: serve a table without them',
    ],
    [others.length > 0 || key === undefined, 'it needs a primary key of one column that is not deferrable'],
    [
      key !== undefined && !keyTypes[idType].includes(key.type),
      `ids of the type ${idType} need a key of a matching type: text or varchar, an integer, or uuid`,
    ],
    [
      identity !== 'd',
      `its replica identity must be the primary key: alter table ${schema}.${name} replica identity default`,
    ],
    [published !== 't', `it is not published: alter publication ${publication} add table ${schema}.${name}`],
    [filtered === 't', 'its publication has a row filter or a column list'],
    [allKinds !== 't', `the publication ${publication} must publish insert, update, delete and truncate`],
    [triggers !== all, `${unreported} create the event triggers ${eventTriggers.join(' and ')}`],
    [
      always !== all,
      `${unreported} ${eventTriggers.map((trigger) => eventTriggerStatements[trigger].enable).join('; ')}`,
    ],
    // One of a later release may report more.
    [current !== all, `${unreported} replace the function public.freshet_ddl by that of the documentation`],
  ]
  const fault = faults.find(([found]) => found)?.[1]
  if (fault !== undefined) return { fault }
  if (key === undefined || typeof fingerprint !== 'string')
    throw new TypeError(`expected the key and the layout of ${schema}.${name}`)
  return { layout: { columns, key, fingerprint }, published: { table: oid ?? '', state: state ?? '' } }
}

/** How tables are published, by collection: `state` of {@link Published}. */
export async function publishedStates(
  query: Query,
  tables: readonly Table[],
  publication: string,
): Promise<ReadonlyMap<string, string>> {
  const rows = await query(
    `select nr, ${stateOf} from unnest($1::text[], $2::text[]) with ordinality as t(schema, name, nr)
     join pg_namespace n on n.nspname = t.schema join pg_class c on c.relnamespace = n.oid and c.relname = t.name`,
    [tables.map(({ schema }) => schema), tables.map(({ name }) => name), publication],
  )
  return new Map(rows.map(([nr, state]) => [tables[Number(nr) - 1]?.collection ?? '', state ?? '']))
}

function columnsIn(json: Field): readonly Column[] {
  const list: unknown = JSON.parse(json ?? '[]')
  return Array.isArray(list) ? list.filter(isColumn) : []
}

function isColumn(value: unknown): value is Column {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    typeof value.name === 'string' &&
    'type' in value &&
    typeof value.type === 'number'
  )
}

function namesIn(json: Field): readonly string[] {
  const list: unknown = JSON.parse(json ?? '[]')
  return Array.isArray(list) ? list.filter((name) => typeof name === 'string') : []
}
