import {
  ddlFunction,
  eventTriggers,
  eventTriggerStatements,
  ownSchema,
  ownTables,
  publicationName,
  quoted,
  reportDefinitions,
  type Table,
} from '@freshet/postgres-rules'
import type { IdType } from '@freshet/protocol'
import type { Client } from 'pg'

/** The type of the key of a new table of documents. In C, equal ids are equal bytes. */
const keyTypes: Readonly<Record<IdType, string>> = {
  string: 'text collate "C"',
  objectid: 'text collate "C"',
  integer: 'bigint',
  uuid: 'uuid',
}

/** Creates an object if a query finds none. */
type Make = (line: string, missing: Missing, statement: string) => Promise<void>

interface Missing {
  /** Returns a row if the object exists. */
  readonly query: string
  readonly values: readonly string[]
}

export const nameOf = ({ schema, name }: Table): string => `${quoted(schema)}.${quoted(name)}`

/** Creates what is missing. Existing tables are not changed: readers decide whether they can serve them. @returns one line each */
export async function createObjects(client: Client, tables: readonly Table[]): Promise<readonly string[]> {
  const changes: string[] = []
  const make: Make = async (line, { query, values }, statement) => {
    const { rowCount } = await client.query(query, [...values])
    if (rowCount !== 0) return
    await client.query(statement)
    changes.push(line)
  }
  const relation = (schema: string, name: string): Missing => ({
    query: `select from pg_class c join pg_namespace n on n.oid = relnamespace where nspname = $1 and relname = $2`,
    values: [schema, name],
  })
  for (const schema of new Set([ownSchema, ...tables.map((table) => table.schema)]))
    await make(
      `schema ${schema}`,
      { query: 'select from pg_namespace where nspname = $1', values: [schema] },
      `create schema ${quoted(schema)}`,
    )
  for (const table of tables)
    await make(
      `table ${table.schema}.${table.name}`,
      relation(table.schema, table.name),
      `create table ${nameOf(table)} (id ${keyTypes[table.idType]} primary key, document json not null
         check (json_typeof(document) = 'object' and document -> 'id' is null))`,
    )
  await make(
    `table ${ownTables.answers}`,
    relation(ownSchema, 'answers'),
    `create table ${ownTables.answers} (key bytea primary key, request bytea not null, status smallint not null,
       etag text, location text, json bytea, expires_at timestamptz not null)`,
  )
  await make(
    'index freshet.answers_expires_at',
    relation(ownSchema, 'answers_expires_at'),
    `create index answers_expires_at on ${ownTables.answers} (expires_at)`,
  )
  await make(
    `table ${ownTables.control}`,
    relation(ownSchema, 'control'),
    `create table ${ownTables.control} (one boolean primary key default true check (one), beats bigint not null default 0)`,
  )
  const before = changes.length
  await createFeed(client, tables, make)
  // Readers that are running refuse tables without event triggers.
  if (changes.length > before) await client.query(reportDefinitions)
  const { rowCount } = await client.query(
    `insert into ${ownTables.control} default values on conflict do nothing`,
  )
  if (rowCount === 1) changes.push(`row of ${ownTables.control}`)
  return changes
}

/** The publication and the event triggers. */
async function createFeed(client: Client, tables: readonly Table[], make: Make): Promise<void> {
  const publication = quoted(publicationName)
  await make(
    `publication ${publicationName}`,
    { query: 'select from pg_publication where pubname = $1', values: [publicationName] },
    `create publication ${publication}`,
  )
  for (const table of tables)
    await make(
      `publication of ${table.schema}.${table.name}`,
      {
        query: `select from pg_publication_tables where pubname = $1 and schemaname = $2 and tablename = $3`,
        values: [publicationName, table.schema, table.name],
      },
      `alter publication ${publication} add table ${nameOf(table)}`,
    )
  // The body decides which changes of definitions are reported.
  const body = ddlFunction.split('$$')[1] ?? ''
  await make(
    'function public.freshet_ddl',
    {
      query: `select from pg_proc where oid = to_regproc('public.freshet_ddl') and prosrc = $1`,
      values: [body],
    },
    `create or replace function ${ddlFunction}`,
  )
  for (const name of eventTriggers) {
    const { create, enable } = eventTriggerStatements[name]
    await make(
      `event trigger ${name}`,
      { query: 'select from pg_event_trigger where evtname = $1', values: [name] },
      `${create}; ${enable}`,
    )
    await make(
      `event trigger ${name} in all sessions`,
      { query: `select from pg_event_trigger where evtname = $1 and evtenabled = 'A'`, values: [name] },
      enable,
    )
  }
}
