import { quoted, tablesOf } from './collections.ts'
import type { CollectionPlace } from '@freshet/protocol'

/** The prefix of the message that the event triggers emit in every transaction that changes a definition. */
export const DDL_PREFIX = 'freshet.ddl'

/** The prefix of the message that moves the log on. */
export const NUDGE_PREFIX = 'freshet.nudge'

/** What decides which rows are documents and how they look. Indexes and refreshed views do not. */
const kinds = [
  'table',
  'table column',
  'table constraint',
  'domain constraint',
  'type',
  'schema',
  'policy',
  'publication',
  'publication relation',
  'publication namespace',
]
  .map((kind) => `'${kind}'`)
  .join(', ')

/** The names of the event triggers. Both must be enabled. */
export const eventTriggers = ['freshet_ddl', 'freshet_drop'] as const

export interface SetUp {
  readonly publication: string
  /** The reader's user, who must exist already. */
  readonly user: string
  readonly collections: ReadonlyMap<string, CollectionPlace>
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/**
 * The statements that prepare a database, to be run once by a superuser: the publication, the event triggers that report changed
 * definitions, and the rights of the reader's user, who must have been created with LOGIN and REPLICATION.
 */
export function setUpStatements({ publication, user, collections }: SetUp): readonly string[] {
  const tables = [...tablesOf(collections).values()]
  const names = tables.map(({ schema, name }) => `${quoted(schema)}.${quoted(name)}`).join(', ')
  const schemas = [...new Set(tables.map(({ schema }) => quoted(schema)))].join(', ')
  return [
    `create publication ${quoted(publication)} for table ${names}`,
    `grant usage on schema ${schemas} to ${quoted(user)}`,
    `grant select on ${names} to ${quoted(user)}`,
    `alter role ${quoted(user)} set default_transaction_read_only = on`,
    `create function public.freshet_ddl() returns event_trigger language plpgsql security definer set search_path = pg_catalog as $$
declare
  kinds text[] := array[${kinds}];
begin
  if tg_event = 'sql_drop' then
    if not exists (
      select from pg_event_trigger_dropped_objects() where object_type = any(kinds) and not is_temporary
    ) then return; end if;
  elsif not exists (
    select from pg_event_trigger_ddl_commands()
    where object_type = any(kinds) and (schema_name is null or schema_name not like 'pg\\_temp%')
  ) then return; end if;
  perform pg_logical_emit_message(true, ${literal(DDL_PREFIX)}, '');
end $$`,
    `create event trigger ${eventTriggers[0]} on ddl_command_end execute function public.freshet_ddl()`,
    `create event trigger ${eventTriggers[1]} on sql_drop execute function public.freshet_ddl()`,
  ]
}
