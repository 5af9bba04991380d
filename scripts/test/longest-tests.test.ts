import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { root } from './readme-text.ts'

test.each([
  ['a fresh machine runs first', 'longest-tests'],
  ['are run apart', 'long-tests'],
])('the tests that %s exist', (_, list) => {
  const files: readonly string[] = JSON.parse(readFileSync(join(root, `scripts/${list}.json`), 'utf8'))
  expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([])
  expect(new Set(files).size).toBe(files.length)
})
