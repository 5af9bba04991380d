import { expect, test } from '@jest/globals'
import { Client } from 'pg'
import { startPostgres, type Postgres } from '../src/index.ts'

async function ask(server: Postgres, statement: string): Promise<unknown> {
  const client = new Client({ connectionString: server.uri() })
  await client.connect()
  const { rows } = await client.query({ text: statement, rowMode: 'array' })
  await client.end()
  return rows[0]?.[0]
}

test('starts with the given settings and keeps its data when it is stopped and started again', async () => {
  await using server = await startPostgres({ settings: { wal_level: 'logical' } })
  expect(await ask(server, 'show wal_level')).toBe('logical')
  await ask(server, 'create table kept as select 42 as answer')
  await server.stop('immediate')
  await expect(ask(server, 'select 1')).rejects.toThrow(/ECONNREFUSED/)
  await server.start()
  expect(await ask(server, 'select answer from kept')).toBe(42)
})
