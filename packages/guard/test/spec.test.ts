import { readFile } from 'node:fs/promises'
import { expect, test } from '@jest/globals'
import * as guard from '../src/index.ts'

const sorted = (values: Iterable<string | undefined>): readonly unknown[] =>
  [...values].map(String).toSorted((a, b) => (a < b ? -1 : 1))
const here = import.meta.dirname

test('the table of errors in SPEC.md matches the code', async () => {
  const spec = await readFile(`${here}/../SPEC.md`, 'utf8')
  const rows = [...spec.matchAll(/^\| `(\w+)` +\| (yes|no) +\| (\d+) +\|/gm)].map(
    ([, code, retry, exit]) => `${code} ${retry} ${exit}`,
  )
  const table = Object.entries(guard.failures).map(
    ([code, { retry, exitCode }]) => `${code} ${retry ? 'yes' : 'no'} ${exitCode}`,
  )
  expect(sorted(rows)).toEqual(sorted(table))
})

test('an error has a remedy, a retry flag and an exit code', () => {
  const error = new guard.GuardError('UNREACHABLE', 'no primary', { cause: 'x' })
  expect(error).toMatchObject({
    name: 'GuardError',
    message: `UNREACHABLE: no primary (${guard.failures.UNREACHABLE.remedy})`,
    what: 'UNREACHABLE: no primary',
    retry: true,
    exitCode: 69,
    cause: 'x',
  })
  expect(error.remedy).toBe(guard.failures.UNREACHABLE.remedy)
})

test('the package exports these names and no others', () => {
  expect(Object.keys(guard).toSorted()).toEqual([
    'BSON',
    'Binary',
    'GuardError',
    'Long',
    'ObjectId',
    'Timestamp',
    'UUID',
    'allowedCommands',
    'examine',
    'failures',
    'isUnauthorized',
    'openReadConnection',
    'serverOf',
  ])
})
