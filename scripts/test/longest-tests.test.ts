import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { root } from './readme-text.ts'

test('the tests that a fresh machine runs first exist', () => {
  const files: readonly string[] = JSON.parse(readFileSync(join(root, 'scripts/longest-tests.json'), 'utf8'))
  expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([])
  expect(new Set(files).size).toBe(files.length)
})
