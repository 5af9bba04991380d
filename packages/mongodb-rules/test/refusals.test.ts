import { expect, test } from '@jest/globals'
import { membersToldBy, refusalOf } from '../src/index.ts'

const refused = (code: unknown, ...labels: readonly string[]) =>
  refusalOf({ code, hasErrorLabel: (label) => labels.includes(label) })

test('a wrong password and a missing right are distinguished, on hosted servers by the stage', () => {
  expect([refused(18), refused(18, 'HandshakeError')]).toEqual(['stranger', 'stranger'])
  expect(refused(13)).toBe('forbidden')
  expect([refused(8000, 'HandshakeError'), refused(8000)]).toEqual(['stranger', 'forbidden'])
  expect([refused(11000), refused(undefined, 'HandshakeError')]).toEqual([undefined, undefined])
})

test('servers missing from the address are those reported by the replica set', () => {
  const looked = (...servers: readonly string[]) => ({
    reason: { servers: new Map(servers.map((server) => [server, {}])) },
  })
  expect(membersToldBy(looked('mongo:27017'), ['localhost'])).toEqual(['mongo:27017'])
  expect(membersToldBy(looked('localhost:27017', 'other:1'), ['LOCALHOST', 'other:1'])).toEqual([])
  expect(membersToldBy(looked('[::1]:27017'), ['[::1]'])).toEqual([])
  expect(membersToldBy({}, ['a'])).toEqual([])
})
