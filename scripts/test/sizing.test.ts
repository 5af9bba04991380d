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
      `${plain(readers)} readers, and ${cores} cores of the database for their change streams\n`,
    )
  }
})
