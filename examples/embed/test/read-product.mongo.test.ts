import { readFileSync } from 'node:fs'
import { expect, jest, test } from '@jest/globals'
import { openTestDatabase } from '@freshet/testkit'

test('the example prints a field of a document', async () => {
  await using db = await openTestDatabase()
  const products = db.admin.db(db.database).collection<{ _id: string; price: number }>('products')
  await products.insertOne({ _id: 'desk-oak', price: 80 })
  process.env['MONGODB_URI'] = db.uriFor('reader')
  process.env['DATABASE'] = db.database
  const log = jest.spyOn(console, 'log').mockReturnValue()
  await import('../src/read-product.ts')
  expect(log.mock.calls).toEqual([['desk-oak', 'costs', 80, 'at position', expect.any(String)]])
})

test.each(['docs/handlers.md', 'packages/embed/README.md'])('%s has the same example', (file) => {
  const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8')
  expect(read(`../../../${file}`)).toContain(`\`\`\`ts\n${read('../src/read-product.ts')}\`\`\`\n`)
})
