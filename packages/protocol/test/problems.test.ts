import { expect, test } from '@jest/globals'
import { readFile } from 'node:fs/promises'
import { problemBody, ProblemError, problems } from '../src/index.ts'
import type { ProblemKind } from '../src/index.ts'
import { problemsPage } from '../src/problems-page.ts'

const kinds = Object.entries<ProblemKind>(problems)

test('docs/problems.md is generated from the table', async () => {
  const page = await readFile(new URL('../../../docs/problems.md', import.meta.url), 'utf8')
  expect(page).toBe(problemsPage())
})

test('every code is kebab-case, sorted by status, and has a remedy in sentences', () => {
  const statuses = kinds.map(([, { status }]) => status)
  expect(statuses).toEqual([...statuses].sort((a, b) => a - b))
  for (const [code, { title, remedy }] of kinds) {
    expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/)
    expect(title).toMatch(/^[A-Z].*[^.]$/)
    expect(remedy).toMatch(/^[A-Z].*\.$/)
  }
})

test('the remedy of a refused collection is true for every database', () => {
  const { remedy } = problems['collection-not-exact']
  expect(remedy).not.toMatch(/capped|time series|collation|view|MongoDB|PostgreSQL/)
  expect(remedy).toContain(
    'The log of the service, and refusedCollections in /statusz of a reader, have the reason',
  )
})

test('a Retry-After is only given if the same request may succeed later', () => {
  for (const [, { retryable, retryAfterS }] of kinds)
    expect(retryable || retryAfterS === undefined).toBe(true)
})

test('a body has the given members and no others', () => {
  const given = {
    detail: 'd',
    instance: 'urn:uuid:1',
    errors: [{ pointer: '/a', detail: 'e' }],
    id: 'x',
    stack: 'no',
  }
  expect(problemBody('busy', given)).toEqual({
    type: 'https://freshet.dev/problems/busy',
    title: problems.busy.title,
    status: 409,
    detail: 'd',
    instance: 'urn:uuid:1',
    id: 'x',
    errors: given.errors,
    retryable: true,
  })
  expect(Object.keys(problemBody('busy'))).toEqual(['type', 'title', 'status', 'retryable'])
})

test('an error carries its code, headers and cause, and does not reveal the cause to clients', () => {
  const cause = new Error('driver')
  const error = new ProblemError('unavailable', { detail: 'Wait.', headers: { a: 'b' }, cause })
  expect(error).toMatchObject({
    code: 'unavailable',
    headers: { a: 'b' },
    cause,
    message: 'unavailable: Wait.',
  })
  expect(error.options).toEqual({ detail: 'Wait.' })
})
