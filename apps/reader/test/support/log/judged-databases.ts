import type { BinaryLogDatabase } from '@freshet/debezium'
import type { TestDatabase } from '@freshet/postgres'

export interface SqlClient extends AsyncDisposable {
  run(statement: string, values?: readonly unknown[]): Promise<void>
}

/** A database with the tables `products`, `filler` and `history`, and how it spells what the writers do. */
export interface JudgedDatabase {
  connect(): Promise<SqlClient>
  rows(query: string): Promise<readonly Readonly<Record<string, unknown>>[]>
  /** A query for the `digest` of all products but `mark`. */
  readonly digest: string
  /** Changes all products, and adds rows that only make the transaction long. */
  readonly changeAll: readonly string[]
  /** Parameters: the id. */
  readonly remove: string
  /** Parameters: the id and the other one, which the row gets unless there is such a row. */
  readonly rename: string
  /** Parameters: the id, the value and the pad. */
  readonly put: string
  /** Statements that a transaction runs together now and then. */
  readonly others: readonly (readonly string[])[]
}

/** Statements that create the tables. The history is the database's own word on each of its states, and not in the log. */
function tablesOf(id: string, serial: string, numbers: string): readonly string[] {
  return [
    `create table products (id ${id} primary key, value integer, pad text)`,
    `create table filler (id ${serial}, value integer)`,
    'create table history (n integer primary key, digest text)',
    `insert into products values ('mark', 0, null)`,
    `insert into products select concat('p', n), n, repeat('x', 100) from ${numbers}`,
  ]
}

const fillerRows = 300

const undone = [
  'savepoint before_it',
  `delete from products where id <> 'mark'`,
  'rollback to savepoint before_it',
]

export const postgresTables = tablesOf('text', 'serial primary key', 'generate_series(1, 80) n')

export function judgedPostgres(db: TestDatabase): JudgedDatabase {
  return {
    connect: async () => {
      const client = await db.connect()
      return {
        run: async (statement, values = []) => void (await client.query(statement, [...values])),
        [Symbol.asyncDispose]: () => client.end(),
      }
    },
    rows: async (query) => (await db.admin.query(query)).rows,
    digest: `select encode(sha256(convert_to(coalesce(string_agg(id || '=' || value || ';', '' order by id collate "C"), ''), 'UTF8')), 'hex')
      as digest from products where id <> 'mark'`,
    changeAll: [
      `insert into filler (value) select g from generate_series(1, ${fillerRows}) g`,
      `update products set value = value + 1 where id <> 'mark'`,
    ],
    remove: 'delete from products where id = $1',
    rename: `update products set id = translate(id, 'pr', 'rp') where id = $1
      and not exists (select from products where id = $2)`,
    put: 'insert into products values ($1, $2, $3) on conflict (id) do update set value = excluded.value',
    others: [undone],
  }
}

/** A table with the column `n`, as MySQL and MariaDB both spell it. */
const numbers = (count: number): string =>
  `(with recursive s (n) as (select 1 union all select n + 1 from s where n < ${count}) select n from s) numbers`

/** Of MySQL and MariaDB. Ids compare by bytes, as in the digest of a reader. */
export const binaryLogTables = tablesOf(
  'varchar(64) character set ascii collate ascii_bin',
  'serial primary key',
  numbers(80),
)

/** @param session statements that each further connection begins with, in turn. */
export function judgedBinaryLog(db: BinaryLogDatabase, session: readonly string[] = []): JudgedDatabase {
  let connections = 0
  return {
    connect: async () => {
      const client = await db.connect()
      await client.query('set session transaction isolation level read committed')
      const begin = session[connections % session.length]
      connections += 1
      if (begin !== undefined) await client.query(begin)
      return {
        run: async (statement, values = []) => void (await client.query(statement, [...values])),
        [Symbol.asyncDispose]: () => client.end(),
      }
    },
    rows: (query) => db.rows(query),
    digest: `select sha2(coalesce(group_concat(id, '=', value, ';' order by id separator ''), ''), 256) as digest
      from products where id <> 'mark'`,
    changeAll: [
      `insert into filler (value) select n from ${numbers(fillerRows)}`,
      `update products set value = value + 1 where id <> 'mark'`,
    ],
    remove: 'delete from products where id = ?',
    rename: `update products set id = concat(if(left(id, 1) = 'p', 'r', 'p'), substr(id, 2)) where id = ?
      and not exists (select 1 from (select id from products) others where others.id = ?)`,
    put: 'insert into products (id, value, pad) values (?, ?, ?) on duplicate key update value = values(value)',
    others: [
      undone,
      [`replace into products (id, value) select concat('p', n), n from ${numbers(5)}`],
      // Some keys change several times.
      [
        `update products set id = 'other' where id = 'p7'`,
        `update products set id = 'p7' where id = 'r7'`,
        `update products set id = 'r7' where id = 'other'`,
      ],
      [`update products set pad = repeat('b', 60000) where id = 'p8'`],
      // The last row of one statement is the first of the next.
      [
        `update products set value = value + 2, pad = 'small' where id in ('p10', 'p8', 'p9', 'r8', 'r9')`,
        `update products set value = value * -1 where id in ('p9', 'r9')`,
      ],
    ],
  }
}

/** Changes the table under load. */
export async function addColumn(db: JudgedDatabase, name: string): Promise<void> {
  await using client = await db.connect()
  await client.run(`alter table products add column ${name} integer default 1 first`)
}
