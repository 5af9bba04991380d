import { expect, test } from '@jest/globals'
import { Connect, ifInstalled, installJars, Kafka, postgresSettings } from '@freshet/debezium'
import { systemClock } from '@freshet/kit'
import { TestDatabase } from '@freshet/postgres'
import { eventually } from '@freshet/testkit'
import { lacksValue, RecordDecoder } from '../src/record.ts'
import { openLog, parseLogAddress } from '../src/index.ts'

const jars = await ifInstalled('Kafka and Debezium', installJars)
const testIfInstalled = jars === undefined ? test.skip : test

/** Of 2,000 values each. */
const large: Readonly<Record<string, string>> = {
  text: `string_agg(md5(n::text), '')`,
  bytea: `string_agg(decode(md5(n::text), 'hex'), '')`,
  json: 'json_agg(md5(n::text))',
  jsonb: 'jsonb_agg(md5(n::text))',
  numeric: `string_agg((1000000000 + n)::text, '')::numeric`,
  xml: 'xmlagg(xmlelement(name a, md5(n::text)))',
  tsvector: `to_tsvector('simple', string_agg(md5(n::text), ' '))`,
  'text[]': 'array_agg(md5(n::text))',
  'bytea[]': `array_agg(decode(md5(n::text), 'hex'))`,
  'integer[]': 'array_agg(n * 104729)',
  'bigint[]': 'array_agg(n * 791910472987)',
  'uuid[]': 'array_agg(md5(n::text)::uuid)',
}
const types = Object.keys(large)

testIfInstalled(
  'L8 Debezium writes a placeholder that is recognized for large values of PostgreSQL that did not change',
  async () => {
    await using db = await TestDatabase.open({
      statements: types.flatMap((type, n) => [
        `create table t${n} (id text primary key, large ${type}, value integer)`,
        // Otherwise what can be compressed is not stored apart.
        `alter table t${n} alter column large set storage external`,
      ]),
    })
    await using kafka = await Kafka.open(String(jars))
    await using connect = await Connect.open({
      jars: String(jars),
      kafka: kafka.address,
      connector: {
        ...postgresSettings(db.server.uri(), { prefix: 'app', topic: 'app.all' }),
        'publication.autocreate.mode': 'all_tables',
      },
    })
    const slots = async (): Promise<unknown> =>
      (await db.admin.query('select from pg_replication_slots where active')).rowCount
    await eventually(async () => expect(await slots()).toBe(1))
    for (const [n, type] of types.entries()) {
      await db.admin.query(`insert into t${n} select 'a', ${large[type]}, 1 from generate_series(1, 2000) n`)
      await db.admin.query(`update t${n} set value = 2`)
    }
    const address = parseLogAddress(`kafka://${kafka.address}/app.all`)
    if (address === undefined) throw new Error('expected a valid address')
    const log = openLog(address, systemClock)
    const { signal } = new AbortController()
    const { id } = await log.identify(signal)
    const decoder = new RecordDecoder()
    const lacking = new Map<string, boolean>()
    for await (const { records } of log.read(id, 0, signal)) {
      for (const record of records) {
        const row = decoder.decode(record)
        if (row.kind === 'row' && row.op === 'u')
          lacking.set(types[Number(row.table.table.slice(1))] ?? '', lacksValue(row))
      }
      if (lacking.size === types.length || connect.server.printed.includes('unrecoverable exception')) break
    }
    await log.close()
    expect(Object.fromEntries(lacking)).toEqual(Object.fromEntries(types.map((type) => [type, true])))
  },
  300_000,
)
