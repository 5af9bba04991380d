import { setUpStatements } from '@freshet/change-stream-postgres'
import { heldCommits, TestDatabase, testUser } from '@freshet/postgres'
import { positionOf, type Position } from '@freshet/protocol'
import { collections, idTypes } from '../stress-documents.ts'

export const publication = 'freshet'

/** The tables in both of which the twins are written, by one transaction. */
export const twinTables = ['products', 'orders'] as const

/**
 * The database's own record of what was written, for the second oracle: a row for each version, in the order of the versions of
 * a document, because the trigger runs while the row is locked. What is rolled back is not in it. `bounds` has the ends of the
 * log around each commit.
 */
const recorded = `
create table recorded (n bigserial primary key, name text, id text, stamp bigint, pair bigint, digest text,
  xid text default pg_current_xact_id()::text);
create table bounds (xid text, before pg_lsn, after pg_lsn);
create function record() returns trigger language plpgsql as $$ begin
  if tg_op = 'TRUNCATE' then insert into recorded (name) values (tg_table_name); return null; end if;
  if tg_op = 'DELETE' or (tg_op = 'UPDATE' and old.id <> new.id) then
    insert into recorded (name, id) values (tg_table_name, old.id::text);
  end if;
  if tg_op <> 'DELETE' then
    insert into recorded (name, id, stamp, pair, digest)
      values (tg_table_name, new.id::text, new.stamp, new.pair, md5(new.text));
  end if;
  return null;
end $$`

/** Each version of a document has a stamp of its own. */
const tableOf = (name: string): string => `
create table ${name} (id ${idTypes.get(name) === 'integer' ? 'integer' : 'text'} primary key,
  stamp bigint not null default nextval('stamps'), pair bigint, text text);
create trigger record after insert or update or delete on ${name} for each row execute function record();
create trigger record_truncate after truncate on ${name} for each statement execute function record()`

/** The position of an LSN, written down independently of the product. */
export function positionOfText(lsn: string): Position {
  const [high = '', low = ''] = lsn.split('/')
  return positionOf(Number.parseInt(high, 16), Number.parseInt(low, 16))
}

/** A database whose commits can be held. */
export function openDatabase(settings: Readonly<Record<string, string>> = {}): Promise<TestDatabase> {
  return TestDatabase.open({
    // Writers collide all the time.
    settings: { ...heldCommits, deadlock_timeout: '10ms', ...settings },
    statements: [
      'create sequence stamps',
      recorded,
      ...collections.map(tableOf),
      ...setUpStatements({ publication, user: testUser, collections: idTypes }),
    ],
  })
}
