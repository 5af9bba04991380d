import { expect, test } from '@jest/globals'
import { storedNameFault } from '../src/index.ts'

test.each(['products', 'Users', 'fs.files', 'x'.repeat(190)])('a collection may be named %j', (stored) => {
  expect(storedNameFault(stored)).toBeUndefined()
})

test.each([
  ['freshet', "a collection that is not Freshet's own"],
  ['freshet_causes', "a collection that is not Freshet's own"],
  ['system.users', "a collection that is not MongoDB's own"],
  ['system.buckets.a', "a collection that is not MongoDB's own"],
  ['a$b', "a name without '$' or NUL"],
  ['.a', "a name without '$' or NUL"],
  ['', "a name without '$' or NUL"],
  ['a..b', 'with single dots only'],
  ['ä'.repeat(96), 'at most 190 bytes'],
])('a collection named %j is not served', (stored, why) => {
  expect(storedNameFault(stored)).toContain(why)
})
