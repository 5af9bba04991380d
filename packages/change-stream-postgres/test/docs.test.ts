import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import type { CollectionPlace } from '@freshet/protocol'
import { setUpStatements } from '../src/index.ts'

test('the SQL in the documentation is what prepares a database', async () => {
  const text = await readFile(join(import.meta.dirname, '../../../docs/other-databases.md'), 'utf8')
  const [, sql] = /```sql\n(.*?)```/s.exec(text) ?? []
  const statements = setUpStatements({
    publication: 'freshet',
    user: 'freshet_reader',
    collections: new Map<string, CollectionPlace>([
      ['products', 'string'],
      ['orders', { idType: 'integer', stored: 'sales.orders' }],
    ]),
  })
  const role = `create role freshet_reader login replication password '…'`
  expect(sql).toBe([role, ...statements, ''].join(';\n'))
})
