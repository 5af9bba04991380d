import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { problems } from '../../packages/protocol/src/problem.ts'
import { root } from './readme-text.ts'

/** Packages that answer requests or throw problems. */
const answering = [
  'apps/delivery',
  'apps/reader',
  'apps/writer',
  'packages/documents',
  'packages/documents-mongodb',
  'packages/messages',
  'packages/service',
  'packages/protocol',
]

/** Files that only list codes. */
const listing = /(^|\/)(contract|errors|client-problems|server-problems)\.ts$/

const source = answering
  .flatMap((folder) =>
    readdirSync(join(root, folder, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !listing.test(file))
      .map((file) => readFileSync(join(root, folder, 'src', file), 'utf8')),
  )
  .join('\n')

const isAnswered = (code: string): boolean => source.includes(`'${code}'`)

test('every problem in the table is used', () => {
  expect(Object.keys(problems).filter((code) => !isAnswered(code))).toEqual([])
})

test('control: an unused problem is found', () => {
  expect(['no-such-code', 'no-such-code-either'].filter(isAnswered)).toEqual([])
})
