import { expect, test } from '@jest/globals'
import { storedNameFault } from '../src/index.ts'

test.each(['products', 'Users', 'fs.files', 'x'.repeat(190)])('a collection may be called %j', (stored) => {
  expect(storedNameFault(stored)).toBeUndefined()
})

test.each([
  ['freshet', "a collection that is not the product's own"],
  ['freshet_causes', "a collection that is not the product's own"],
  ['system.users', "a collection that is not MongoDB's own"],
  ['system.buckets.a', "a collection that is not MongoDB's own"],
  ['a$b', "a name without '$' and NUL"],
  ['.a', "a name without '$' and NUL"],
  ['', "a name without '$' and NUL"],
  ['a..b', 'whose dots stand alone'],
  ['ä'.repeat(96), 'at most 190 bytes'],
])('no collection called %j is served', (stored, why) => {
  expect(storedNameFault(stored)).toContain(why)
})
