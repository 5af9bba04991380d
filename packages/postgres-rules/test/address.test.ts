import { expect, test } from '@jest/globals'
import {
  addressFault,
  addressWith,
  addressWithDatabase,
  partsOfAddress,
  postgresAddress,
} from '../src/index.ts'

test.each([
  ['a:5432,b:5433', ['a 5432', 'b 5433']],
  ['a,b:5433', ['a 5432', 'b 5433']],
  ['db-1.example,10.0.0.2', ['db-1.example 5432', '10.0.0.2 5432']],
  ['[::1]:5433,[fd00::2],c', ['::1 5433', 'fd00::2 5432', 'c 5432']],
  ['%61_1:1,b%2Dc:65535', ['a_1 1', 'b-c 65535']],
])('%s is read as libpq reads it', (list, expected) => {
  const { hosts, searched, driverUri } = postgresAddress(`postgres://u:p%40w@${list}/shop?sslmode=require`)
  expect(hosts.map(({ host, port }) => `${host} ${port}`)).toEqual(expected)
  expect(searched).toBe(true)
  expect(driverUri).toMatch(/^postgres:\/\/u:p%40w@[^,]+:[0-9]+\/shop\?sslmode=require$/)
})

test('options of the search are read, and not passed to the driver', () => {
  const options =
    '?target_session_attrs=read-write&load_balance_hosts=disable&connect_timeout=3&port=5433&sslmode=disable'
  expect(postgresAddress(`postgresql://u@a,b/shop${options}`)).toEqual({
    hosts: [
      { host: 'a', port: 5433 },
      { host: 'b', port: 5433 },
    ],
    searched: true,
    connectWithinMs: 3_000,
    driverUri: 'postgresql://u@a:5433/shop?sslmode=disable',
  })
})

test('an address of one host is passed on as it is, unless it asks for the primary', () => {
  const plain = 'postgres://u:p@a/shop?connect_timeout=0&host=%2Frun'
  expect(postgresAddress(plain)).toEqual({
    hosts: [],
    searched: false,
    connectWithinMs: undefined,
    driverUri: plain,
  })
  expect(postgresAddress('postgres://u@[::1]/shop?target_session_attrs=primary')).toMatchObject({
    hosts: [{ host: '::1', port: 5432 }],
    searched: true,
    driverUri: 'postgres://u@[::1]/shop',
  })
})

const secret = 's3cr3t'
const many = (count: number): string => Array.from({ length: count }, (_, n) => `h${n}`).join()

test.each([
  ['a,,b/', 'expected a name or an IP address as host 2 of 3, got nothing'],
  [',a/', 'expected a name or an IP address as host 1 of 2, got nothing'],
  ['a,b:0/', 'expected a port from 1 to 65535 for host 2 of 2'],
  ['a,b:65536/', 'expected a port from 1 to 65535 for host 2 of 2'],
  ['a,b:x/', 'expected a name, an IPv4 address or an IPv6 address in brackets as host 2 of 2'],
  ['a,::1/', 'expected a name, an IPv4 address or an IPv6 address in brackets as host 2 of 2'],
  ['a,[fe80::1%25eth0]/', 'expected a name, an IPv4 address or an IPv6 address in brackets as host 2 of 2'],
  ['a,%2Fvar%2Frun/', 'expected a name, an IPv4 address or an IPv6 address in brackets as host 2 of 2'],
  ['a,b%2/', 'expected a name, an IPv4 address or an IPv6 address in brackets as host 2 of 2'],
  [`${many(17)}/`, 'expected at most 16 hosts, got 17'],
  ['a,b/#c', 'expected postgres://user:password@host:port/'],
  [
    'a/?target_session_attrs=standby',
    /^target_session_attrs: expected primary or read-write: everything is read/,
  ],
  ['a,b/?target_session_attrs=any', /^target_session_attrs: expected primary or read-write/],
  ['a,b/?target_session_attrs=prefer-standby', /^target_session_attrs: expected primary or read-write/],
  ['a,b/?target_session_attrs=read-only', /^target_session_attrs: expected primary or read-write/],
  ['a,b/?target_session_attrs=primary&target_session_attrs=any', 'target_session_attrs: expected it once'],
  ['a,b/?load_balance_hosts=random', 'load_balance_hosts: expected disable: there is one primary'],
  ['a/?hostaddr=10.0.0.1', 'hostaddr: expected none: put the IP addresses in place of the hosts'],
  ['a/?host=b,c', /^host: expected none: put the hosts before the database/],
  ['a,b/?host=c', /^host: expected none/],
  ['a,b/?port=1,2', 'port: expected one port for all hosts'],
  ['a,b/?connect_timeout=0', 'connect_timeout: expected 1 to 60 seconds for each host'],
  ['a,b/?connect_timeout=61', 'connect_timeout: expected 1 to 60 seconds for each host'],
])('%s is refused with what was expected', (rest, expected) => {
  const uri = `postgres://user:${secret}@${rest}`
  expect(addressFault(uri)).toEqual(typeof expected === 'string' ? expected : expect.stringMatching(expected))
  expect(() => postgresAddress(uri)).toThrow(TypeError)
  expect([addressWithDatabase(uri, 'shop'), partsOfAddress(uri)]).toEqual([undefined, undefined])
})

test.each([`u:${secret}#,x@a/`, `u:${secret}/,x@a,b/`, `u:${secret}?x@a,b/`, `u:${secret},${secret}`])(
  'a password that is not encoded is in no message: %s',
  (rest) => {
    const fault = addressFault(`postgres://${rest}`)
    expect(fault).toMatch(/expected/)
    expect(fault).not.toContain(secret)
  },
)

test('up to 16 hosts are read', () => {
  expect(postgresAddress(`postgres://${many(16)}/`).hosts.length).toBe(16)
})

test('parts of an address are replaced, and its hosts and options stay', () => {
  const uri = 'postgres://u:p@a:5432,[::1],c/old?target_session_attrs=primary'
  expect(addressWith(uri, { user: 'n@', password: '/:', database: 'd b' })).toBe(
    'postgres://n%40:%2F%3A@a:5432,[::1],c/d%20b?target_session_attrs=primary',
  )
  expect(addressWithDatabase('postgres://a,b', 'shop')).toBe('postgres://a,b/shop')
  expect(addressWithDatabase('postgres://u:p@a:1/old?x=1', 'shop')).toBe('postgres://u:p@a:1/shop?x=1')
  expect(partsOfAddress(uri)).toEqual({ user: 'u', password: 'p', database: 'old', hosts: 'a:5432,[::1],c' })
})
