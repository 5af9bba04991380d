import { readFile } from 'node:fs/promises'
import { expect, test } from '@jest/globals'
import * as handlers from '../src/index.ts'

test('the table of errors in SPEC.md matches the code', async () => {
  const spec = await readFile(`${import.meta.dirname}/../SPEC.md`, 'utf8')
  const rows = [...spec.matchAll(/^\| `(\w+)` +\| (yes|no) +\| (\d+) +\|/gm)].map(
    ([, code, retry, exit]) => `${code} ${retry} ${exit}`,
  )
  const table = Object.entries(handlers.failures).map(
    ([code, { retry, exitCode }]) => `${code} ${retry ? 'yes' : 'no'} ${exitCode}`,
  )
  expect(rows.toSorted()).toEqual(table.toSorted())
})

test('an error has a remedy, a retry flag and an exit code', () => {
  const error = new handlers.HandlerError('BREAKER_OPEN', 'too often', { cause: 'x' })
  expect(error).toMatchObject({
    name: 'HandlerError',
    message: 'BREAKER_OPEN: too often',
    retry: true,
    exitCode: 70,
    cause: 'x',
  })
  expect(error.remedy).toBe(handlers.failures.BREAKER_OPEN.remedy)
})
