import { afterAll, expect, test } from '@jest/globals'
import { openTestDatabase } from '@freshet/testkit'
import { collections, openWriter } from './support/open-writer.ts'

const db = await openTestDatabase({ own: true, collections })
afterAll(() => db[Symbol.asyncDispose]())

/** This header requires a read in a transaction. */
const ifMatch = { 'if-match': '*' }

const unknown = { status: 504, type: 'https://freshet.dev/problems/outcome-unknown', retryable: false }

/** A server response to one command with this name. */
const failing = (command: string, data: object) =>
  db.failPoint('failCommand', { times: 1 }, { failCommands: [command], appName: 'freshet-writer', ...data })

const writeConcernError = { writeConcernError: { code: 64, errmsg: 'waiting for replication timed out' } }

test.each([
  ['a write concern failure', 'insert', writeConcernError, 504, 'outcome-unknown'],
  ['a closed connection', 'insert', { closeConnection: true }, 504, 'outcome-unknown'],
  ['an interruption by a step-down', 'insert', { errorCode: 11602 }, 504, 'outcome-unknown'],
  ['a server that is not the primary', 'insert', { errorCode: 10107 }, 503, 'unavailable'],
  [
    'an overloaded server',
    'insert',
    { errorCode: 462, errorLabels: ['SystemOverloadedError'] },
    503,
    'unavailable',
  ],
  ['a missing privilege', 'insert', { errorCode: 13 }, 500, 'internal'],
])('POST after %s in the insert', async (_what, command, data, status, code) => {
  await using writer = await openWriter(db.uriFor('writer'))
  await using _ = await failing(command, data)
  const got = await writer.send('POST', 'products', { body: { name: 'x' } })
  expect(got.json).toMatchObject({ status, type: `https://freshet.dev/problems/${code}` })
  expect(got.text).not.toMatch(/failpoint|replication|failCommand/i)
})

test.each([
  ['a write concern failure', writeConcernError, 504, 'outcome-unknown'],
  // The driver retries the commit, which is safe, so the outcome becomes known.
  ['a closed connection', { closeConnection: true }, 200, undefined],
  ['an interruption', { errorCode: 11602, errorLabels: ['RetryableWriteError'] }, 200, undefined],
])('PUT If-Match after %s in the commit', async (_what, data, status, code) => {
  await using writer = await openWriter(db.uriFor('writer'))
  await writer.send('PUT', 'products/commit', { body: { name: 'x' } })
  await using _ = await failing('commitTransaction', data)
  const body = { name: `y${status}${String(code)}` }
  const got = await writer.send('PUT', 'products/commit', { headers: ifMatch, body })
  expect(got.status).toBe(status)
  if (code !== undefined) expect(got.json).toMatchObject({ ...unknown, id: 'commit' })
})

test('a connection lost before the commit is retried, because nothing can be written yet', async () => {
  await using writer = await openWriter(db.uriFor('writer'))
  for (const command of ['find', 'update']) {
    await writer.send('PUT', 'products/before', { body: { name: 'x' } })
    await using _ = await failing(command, { closeConnection: true })
    const got = await writer.send('PUT', 'products/before', { headers: ifMatch, body: { name: command } })
    expect([got.status, got.json['name']]).toEqual([200, command])
  }
})
