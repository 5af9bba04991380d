import { expect, test } from '@jest/globals'
import { MongoError, MongoErrorLabel, MongoServerError, MongoServerSelectionError } from 'mongodb'
import type { TopologyDescription } from 'mongodb'
import { guardErrorOf } from '../src/driver-errors.ts'

/** The driver's error when it looked for these servers. */
function nobodyAt(...servers: readonly string[]): MongoServerSelectionError {
  const reason: unknown = { servers: new Map(servers.map((server) => [server, {}])) }
  return new MongoServerSelectionError('getaddrinfo ENOTFOUND mongo', reason as TopologyDescription)
}

test('a hosted server that rejects a login is distinguished from one that rejects a command', () => {
  const refused = new MongoServerError({ code: 8000, message: 'CMD_NOT_ALLOWED: find' })
  expect(guardErrorOf(refused, [])).toBe(refused)
  const stranger = new MongoServerError({
    code: 8000,
    message: 'bad auth',
    errorLabels: [MongoErrorLabel.HandshakeError],
  })
  expect(guardErrorOf(stranger, [])).toMatchObject({ code: 'NOT_AUTHENTICATED' })
})

test('a pool that has no connection in time is worth another try', () => {
  const error = new MongoError('Timed out while checking out a connection from connection pool')
  expect(guardErrorOf(error, [])).toBe(error)
  Object.defineProperty(error, 'name', { value: 'MongoWaitQueueTimeoutError' })
  expect(guardErrorOf(error, [])).toMatchObject({ code: 'UNREACHABLE', retry: true })
})

test('servers missing from the address are reported, with what to add to it', () => {
  expect(guardErrorOf(nobodyAt('mongo:27017'), ['localhost:27017'])).toMatchObject({
    code: 'UNREACHABLE',
    what: expect.stringMatching(
      /ENOTFOUND mongo; the replica set reports its members as mongo:27017: .* directConnection=true$/,
    ),
  })
  expect(guardErrorOf(nobodyAt('mongo:27017'), ['mongo:27017'])).toMatchObject({
    what: 'UNREACHABLE: getaddrinfo ENOTFOUND mongo',
  })
})
