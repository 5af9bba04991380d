import type { CollectionPlace } from '@freshet/protocol'
import { DDL_PREFIX } from './names.ts'
import { quoted, tablesOf } from './tables.ts'

/** What decides which rows are documents and how they look. Indexes and refreshed views do not. */
export const reportedKinds = [
  'table',
  'table column',
  'table constraint',
  'domain constraint',
  'type',
  'composite type',
  'composite type column',
  'schema',
  'policy',
  'publication',
  'publication relation',
  'publication namespace',
] as const

/** The names of the event triggers. Both must be enabled in all sessions. */
export const eventTriggers = ['freshet_ddl', 'freshet_drop'] as const

export interface SetUp {
  readonly publication: string
  /** The reader's user, who must exist already. */
  readonly user: string
  readonly collections: ReadonlyMap<string, CollectionPlace>
}

/** Quotes a string. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** The function of the event triggers, after `create function` or `create or replace function`. */
export const ddlFunction = `public.freshet_ddl() returns event_trigger language plpgsql security definer set search_path = pg_catalog as $$
declare
  kinds text[] := array[${reportedKinds.map(literal).join(', ')}];
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
end $$`

/** The statements for each event trigger. */
export const eventTriggerStatements: Readonly<
  Record<
    (typeof eventTriggers)[number],
    {
      readonly create: string
      /** Ordinary event triggers do not fire under `session_replication_role = replica`, which restores and migrations set. */
      readonly enable: string
    }
  >
> = {
  freshet_ddl: {
    create: 'create event trigger freshet_ddl on ddl_command_end execute function public.freshet_ddl()',
    enable: 'alter event trigger freshet_ddl enable always',
  },
  freshet_drop: {
    create: 'create event trigger freshet_drop on sql_drop execute function public.freshet_ddl()',
    enable: 'alter event trigger freshet_drop enable always',
  },
}

/** Makes readers check all definitions again. They are not told of new event triggers in another way. */
export const reportDefinitions = `select pg_logical_emit_message(true, ${literal(DDL_PREFIX)}, '')`

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
    `create function ${ddlFunction}`,
    ...Object.values(eventTriggerStatements).flatMap(({ create, enable }) => [create, enable]),
    reportDefinitions,
  ]
}
