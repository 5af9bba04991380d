import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'

const root = join(import.meta.dirname, '../..')

const sizing = (...args: readonly string[]) =>
  spawnSync(process.execPath, [join(root, 'scripts/sizing.mjs'), ...args], { encoding: 'utf8' })

test('the costs and examples of the sizing page are those of the benchmarks', () => {
  expect(sizing('--check')).toMatchObject({ status: 0, stderr: '' })
})

test('the calculator gives what the page says for the same load', () => {
  const page = readFileSync(join(root, 'docs/sizing.md'), 'utf8')
  const rows = [...page.matchAll(/^\| ([\d,]+) +\| ([\d,]+) +\| ([\d,]+) +\| ([\d.]+) +\|$/gm)]
  expect(rows.length).toBeGreaterThan(2)
  for (const [, gets = '', changes = '', readers = '', cores] of rows) {
    const plain = (text: string): string => text.replaceAll(',', '')
    expect(sizing(`--gets=${plain(gets)}`, `--changes=${plain(changes)}`).stdout).toBe(
      `${gets} GETs and ${changes} changes per second: ${plain(readers)} readers, and ${cores} cores of the database for their change streams\n`,
    )
  }
})

test.each([
  ['--gets=many', /--gets is "many"; expected a whole number/],
  ['--speed=1', /Unknown option '--speed'/],
])('%s is refused, with the options that there are', (argument, message) => {
  const { status, stdout, stderr } = sizing(argument)
  expect([status, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(message)
  expect(stderr).toContain('--changes=N')
})
