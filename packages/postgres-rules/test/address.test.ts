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
  const { hosts, driverUri } = postgresAddress(`postgres://u:p%40w@${list}/shop?sslmode=require`)
  expect(hosts.map(({ host, port }) => `${host} ${port}`)).toEqual(expected)
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
    connectWithinMs: 3_000,
    driverUri: 'postgresql://u@a:5433/shop?sslmode=disable',
  })
})

test.each([
  ['postgres://u:p@a/shop', { host: 'a', port: 5432 }, 'postgres://u:p@a:5432/shop'],
  [
    'postgres://u@[::1]:1/shop?target_session_attrs=primary',
    { host: '::1', port: 1 },
    'postgres://u@[::1]:1/shop',
  ],
  ['postgres://u@%2Frun%2Fpg/shop', { host: '/run/pg', port: 5432 }, 'postgres://u@%2Frun%2Fpg:5432/shop'],
  [
    'postgres://u@a/shop?host=/run/p:r:i&port=1',
    { host: '/run/p:r:i', port: 1 },
    'postgres://u@%2Frun%2Fp%3Ar%3Ai:1/shop',
  ],
  [
    'postgres://u@/shop?host=b&sslmode=require',
    { host: 'b', port: 5432 },
    'postgres://u@b:5432/shop?sslmode=require',
  ],
  ['postgres:///shop?host=::1', { host: '::1', port: 5432 }, 'postgres://[::1]:5432/shop'],
])('one host is read like several: %s', (uri, host, driverUri) => {
  expect(postgresAddress(uri)).toEqual({ hosts: [host], connectWithinMs: undefined, driverUri })
  const limited = `${uri}${uri.includes('?') ? '&' : '?'}connect_timeout=60`
  expect(postgresAddress(limited)).toEqual({ hosts: [host], connectWithinMs: 60_000, driverUri })
})

test.each([
  'application_name=shop',
  'channel_binding=prefer&gssencmode=disable&keepalives=1&client_encoding=UTF8',
  'sslmode=verify-full&sslrootcert=/ca.pem&sslcert=/c.pem&sslkey=/k.pem&sslnegotiation=direct',
  'sslmode=no-verify',
  'uselibpqcompat=true&sslmode=prefer',
])('what the driver acts on, or what is done anyway, is passed on: %s', (options) => {
  expect(postgresAddress(`postgres://u@a,b/shop?${options}`).driverUri.replaceAll('%2F', '/')).toBe(
    `postgres://u@a:5432/shop?${options}`,
  )
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
  ['a/50%', /^expected %25 in place of a percent sign/],
  ['a/shop%00', /^expected %25 in place of a percent sign/],
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
  ['a/?host=b,c', /^host: expected one host. Put several before the database/],
  ['a,b/?host=c', /^host: expected none/],
  ['/', 'expected a name or an IP address as the host, got nothing'],
  ['a/?connect_timeout=0', 'connect_timeout: expected 1 to 60 seconds for each host'],
  [
    'a/?sslmode=allow',
    /^sslmode: expected disable or prefer or require or verify-ca or verify-full or no-verify: /,
  ],
  ['a/?sslmode=', /^sslmode: expected disable/],
  ['a/?sslrootcert=system', 'sslrootcert: expected a file. Without it, the authorities of Node.js are used'],
  [
    'a/?channel_binding=require',
    /^channel_binding: expected disable or prefer: it is not done. sslmode=verify-full/,
  ],
  ['a/?gssencmode=require', 'gssencmode: expected disable or prefer: the driver has no GSSAPI'],
  ['a/?client_encoding=LATIN1', 'client_encoding: expected UTF8'],
  ['a/?keepalives=0', 'keepalives: expected 1: lost servers are noticed'],
  ['a/?keepalives_idle=9', 'keepalives_idle: expected none: the settings of the operating system are used'],
  [
    'a/?options=-c%20synchronous_commit%3Doff',
    /^options: expected none: Freshet decides what its sessions need/,
  ],
  ['a/?user=b', /^user: expected none: put it before the hosts/],
  ['a/?passfile=/f', /^passfile: expected none: put it before the hosts/],
  ['a/?service=s', /^service: expected none/],
  ['a/?dbname=d', /^dbname: expected none: put it after the hosts/],
  ['a/?sslcrl=/f', 'sslcrl: expected none: the driver cannot do it'],
  ['a/?replication=database', /^replication: expected none/],
  [
    'a/?Application_Name=x',
    /^expected options among target_session_attrs, .*application_name.*; got another one$/,
  ],
  [`a/?${secret}=1`, /^expected options among (?!.*s3cr3t)/],
  ['a/?toString=1', /^expected options among/],
  ['a/#c', 'expected postgres://user:password@host:port/'],
  ['a,b/?port=1,2', 'port: expected one port for all hosts'],
  ['a,b/?connect_timeout=0', 'connect_timeout: expected 1 to 60 seconds for each host'],
  ['a,b/?connect_timeout=61', 'connect_timeout: expected 1 to 60 seconds for each host'],
])('%s is refused with what was expected', (rest, expected) => {
  const uri = `postgres://user:${secret}@${rest}`
  expect(addressFault(uri)).toEqual(typeof expected === 'string' ? expected : expect.stringMatching(expected))
  expect(() => postgresAddress(uri)).toThrow(TypeError)
  expect([addressWithDatabase(uri, 'shop'), partsOfAddress(uri)]).toEqual([undefined, undefined])
})

test.each([
  `u:${secret}%@a/`,
  `u%zz:${secret}@a,b/`,
  `u:${secret}%00@a/`,
  `u:${secret}#,x@a/`,
  `u:${secret}/,x@a,b/`,
  `u:${secret}?x@a,b/`,
  `u:${secret},${secret}`,
])('a password that is not encoded is in no message: %s', (rest) => {
  const fault = addressFault(`postgres://${rest}`)
  expect(fault).toMatch(/expected/)
  expect(fault).not.toContain(secret)
})

test('up to 16 hosts are read', () => {
  expect(postgresAddress(`postgres://${many(16)}/`).hosts.length).toBe(16)
})

test('parts of an address are replaced, and its hosts and options stay', () => {
  const uri = 'postgres://u:p@a:5432,[::1],c/old?target_session_attrs=primary'
  expect(addressWith(uri, { user: 'n@', password: '/:', database: 'd b' })).toBe(
    'postgres://n%40:%2F%3A@a:5432,[::1],c/d%20b?target_session_attrs=primary',
  )
  expect(addressWithDatabase('postgres://a,b', 'shop')).toBe('postgres://a,b/shop')
  expect(addressWithDatabase('postgres://u:p@a:1/old?sslmode=disable', 'shop')).toBe(
    'postgres://u:p@a:1/shop?sslmode=disable',
  )
  expect(addressWith('postgres:///old?host=/run', { user: 'u', password: 'p', database: 'shop' })).toBe(
    'postgres://u:p@/shop?host=/run',
  )
  expect(partsOfAddress('postgres:///old?host=/run')).toMatchObject({ hosts: '/run' })
  expect(partsOfAddress(uri)).toEqual({ user: 'u', password: 'p', database: 'old', hosts: 'a:5432,[::1],c' })
})
