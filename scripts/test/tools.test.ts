import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { root } from './readme-text.ts'

test('turbo finds the pinned pnpm on a machine without pnpm', () => {
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const [version] = execFileSync(join(root, 'node_modules/.bin/pnpm'), ['--version'], {
    encoding: 'utf8',
  }).split('\n')
  expect(`pnpm@${version}`).toBe(packageManager)
})
