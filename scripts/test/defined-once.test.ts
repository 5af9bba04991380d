import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'

const root = join(import.meta.dirname, '../..')
const sources = execFileSync('git', ['ls-files', '*/src/*.ts'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((file) => /^(packages|apps|infra)\//.test(file))

const once: readonly (readonly [what: string, pattern: RegExp, place: string])[] = [
  [
    'the name of the control collection',
    /(?:find|insert|update|delete|collection)\W{1,4}'freshet'/i,
    'packages/mongodb-rules/src/collections.ts',
  ],
  ['the name of the collection of causes', /'freshet_causes'/, 'packages/mongodb-rules/src/collections.ts'],
  ['the name of the database of messages', /_messages[`']/, 'packages/mongodb-rules/src/collections.ts'],
  [
    'the construction of a source id',
    /createHash\('sha256'\)\.update\(timeline\)/,
    'packages/mongodb-rules/src/collections.ts',
  ],
]

test.each(once)('%s is defined in exactly one place', (_, pattern, place) => {
  expect(sources.filter((file) => pattern.test(readFileSync(join(root, file), 'utf8')))).toEqual([place])
})
