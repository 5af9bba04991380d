import { expect, test } from '@jest/globals'
import { formatsOver } from '../src/formats.ts'
import { Steps } from '../src/steps.ts'

const steps = new Steps()
const formats = formatsOver(steps)

/** As Ajv calls it. */
function fits(name: string, value: string | number): boolean {
  const format = formats[name]
  const check: unknown = typeof format === 'object' && 'validate' in format ? format.validate : format
  if (typeof check !== 'function') throw new Error(`expected a format with a check, got ${name}`)
  return Reflect.apply(check, undefined, [value]) === true
}

const table: Readonly<Record<string, { readonly good: readonly string[]; readonly bad: readonly string[] }>> =
  {
    date: {
      good: ['2024-02-29', '0000-01-01', '2026-12-31', '2000-02-29'],
      bad: [
        '2023-02-29',
        '1900-02-29',
        '2026-13-01',
        '2026-00-01',
        '2026-01-00',
        '2026-04-31',
        '2026-1-1',
        ' 2026-01-01',
        '2026-01-01\n',
        '२०२६-01-01',
      ],
    },
    time: {
      good: [
        '12:34:56Z',
        '12:34:56z',
        '12:34:56.789+01:00',
        '23:59:60Z',
        '00:59:60+01:00',
        '18:59:60-05:00',
        '00:00:00-00:00',
      ],
      bad: [
        '12:34:56',
        '24:00:00Z',
        '12:60:00Z',
        '12:34:60Z',
        '23:59:61Z',
        '12:34:56+01',
        '12:34:56+0100',
        '12:34:56+24:00',
        '12:34:56.Z',
        '12:34Z',
        '12:34:56 Z',
        '12:34:56Z\n',
        `12:34:56.${'1'.repeat(100)}Z`,
      ],
    },
    'date-time': {
      good: [
        '2026-11-24T03:04:05Z',
        '2026-11-24t03:04:05.678z',
        '2026-11-24T03:04:05+05:30',
        '1998-12-31T23:59:60Z',
      ],
      bad: [
        '2026-11-24 03:04:05Z',
        '2026-11-24\n03:04:05Z',
        '2026-11-24\t03:04:05Z',
        '2026-11-24T03:04:05',
        '2026-11-24T03:04:05+05',
        '2026-11-24T03:04:05+0530',
        '2026-11-24TT03:04:05Z',
        '2026-11-24',
        '2026-02-30T00:00:00Z',
        '2026-11-24T03:04:05Z ',
        '1998-12-31T22:59:60Z',
      ],
    },
    'iso-time': { good: ['12:34:56', '12:34:56+01:00'], bad: ['12:34', '12:34:56+01', '12:34:56+'] },
    'iso-date-time': {
      good: ['2026-11-24T03:04:05', '2026-11-24T03:04:05Z'],
      bad: ['2026-11-24 03:04:05', '2026-11-24\n03:04:05Z'],
    },
    duration: {
      good: ['P1Y2M3DT4H5M6S', 'P4W', 'PT5M', 'P1M', 'PT4H5M'],
      bad: ['P', 'PT', 'P1Y2D', 'PT4H6S', 'P1YT', 'P2W1D', '1Y', 'P1.5D', 'p1d', 'P1D\n', 'P-1D'],
    },
    uri: {
      good: [
        'http://example.org/a?b#c',
        'urn:isbn:0451450523',
        'mailto:a@b.c',
        'http://[::1]:80/',
        'http://[v1.x]/',
        'file:///etc',
        'a:',
        'http://a/%20',
      ],
      bad: [
        '/a',
        'a',
        '//a',
        'http://a b',
        'http://a/"',
        'http://a/%2',
        'http://[::1',
        'http://[1::2::3]/',
        'http://é/',
        '1a:b',
        'http://a/\n',
        'http://a:b/<',
      ],
    },
    'uri-reference': {
      good: ['', '/a', 'a/b', '#x', '?y', '../z', '//h/p', 'http://a'],
      bad: ['a b', '"', '%', '\\a', '#a#b', ':a'],
    },
    'uri-template': {
      good: ['http://a/{x}', '{?a,b*}', '{a.b}', '{/x:3}', ''],
      bad: ['{', '}', '{a b}', '{a,}', '{x:0}', '<', '{=}'],
    },
    url: {
      good: [
        'http://example.org',
        'https://a.b.example.org:8080/x?y#z',
        'ftp://u:p@files.example.org/',
        'http://142.42.1.1/',
        'http://münchen.example/ü',
      ],
      bad: [
        'http://localhost',
        'http://10.0.0.1/',
        'http://192.168.1.1',
        'http://u@127.0.0.1/',
        'http://172.16.0.1/',
        'gopher://a.example',
        'http://',
        'http://a b.example',
        'http://-a-.',
        'example.org',
        'http://0.0.0.0',
        'http://a..example',
      ],
    },
    email: {
      good: ['a@b.cd', "o'neil+tag@sub.example.org", `${'a'.repeat(64)}@example.org`],
      bad: [
        'a',
        'a@b',
        '@b.cd',
        'a@',
        'a..b@c.de',
        '.a@c.de',
        'a@-c.de',
        'a@c.de.',
        'a b@c.de',
        'a@c.de\n',
        `${'a'.repeat(65)}@example.org`,
        `a@${'b'.repeat(64)}.de`,
        `a@${'b.'.repeat(127)}de`,
      ],
    },
    hostname: {
      good: ['localhost', 'a-b.example.org', '1.example', `${'a'.repeat(63)}.b`],
      bad: ['', '-a', 'a-', 'a..b', 'a.', '.a', 'a_b', 'é.de', `${'a'.repeat(64)}.b`, 'a.'.repeat(127)],
    },
    ipv4: {
      good: ['0.0.0.0', '255.255.255.255'],
      bad: ['256.0.0.0', '1.2.3', '01.2.3.4', '1.2.3.4.5', '1.2.3.4\n', '1.2.3.٤'],
    },
    ipv6: {
      good: ['::', '::1', '1:2:3:4:5:6:7:8', '::ffff:1.2.3.4', '1::8', 'FE80::1'],
      bad: [
        ':',
        ':::',
        '1:2:3:4:5:6:7',
        '1::2::3',
        '12345::',
        '::1%eth0',
        '::256.0.0.0',
        '1:2:3:4:5:6:7:8:9',
      ],
    },
    uuid: {
      good: ['01890a5d-ac96-774b-bcce-b302099a8057', '01890A5D-AC96-774B-BCCE-B302099A8057'],
      bad: [
        'urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057',
        '01890a5dac96774bbcceb302099a8057',
        '{01890a5d-ac96-774b-bcce-b302099a8057}',
        '01890a5d-ac96-774b-bcce-b302099a805',
        '01890a5d-ac96-774b-bcce-b302099a8057\n',
      ],
    },
    'json-pointer': { good: ['', '/', '/a~0b~1c/0'], bad: ['a', '/~', '/~2', '#/a'] },
    'json-pointer-uri-fragment': { good: ['#', '#/a%20b', '#/~0'], bad: ['', '/a', '#a', '#/%2', '#/a b'] },
    'relative-json-pointer': { good: ['0', '1/a', '12#'], bad: ['', '01', '-1', '/a', '1#/a'] },
    byte: {
      good: ['', 'QUJD', 'QQ==', 'QUI='],
      bad: ['QUJ', 'Q===', 'QUJD\n', '!\nQUJD', 'QUJD\n!', 'QU-_', '====', 'QQ==QQ=='],
    },
    regex: { good: ['', '^a+$', '(?<n>a)\\k<n>'], bad: ['(', '[b-a]', '\\Z', 'a{2,1}', '*'] },
  }

test.each(Object.entries(table))(
  'B21 the format %s accepts exactly what its definition allows',
  (name, { good, bad }) => {
    steps.begin(1e9)
    expect(good.filter((text) => !fits(name, text))).toEqual([])
    expect(bad.filter((text) => fits(name, text))).toEqual([])
  },
)

test('B21 number formats check the range', () => {
  const held = ([name, values]: readonly [string, readonly number[]]): readonly boolean[] =>
    values.map((value) => fits(name, value))
  expect(held(['int32', [2 ** 31 - 1, -(2 ** 31), 2 ** 31, 0.5, -0]])).toEqual([
    true,
    true,
    false,
    false,
    true,
  ])
  expect(held(['int64', [2 ** 53, 0.5]])).toEqual([true, false])
  expect(held(['double', [0.5, 1e300]])).toEqual([true, true])
})

test('B20 every format takes steps linear in the text', () => {
  const shapes = ['@', 'a', '0', 'a-', 'a.', '/~0', 'P1D', '%41', ':', '{a}', ' ', 'é', '(', '0:', '::']
  const length = 30_000
  for (const name of Object.keys(table))
    for (const prefix of ['', 'http://', 'a@', '#/', 'P', '[', 'http://u@'])
      for (const shape of shapes) {
        steps.begin(length * 10)
        fits(name, `${prefix}${shape.repeat(length / shape.length)}!`)
        expect([name, prefix, shape, steps.left > 0]).toEqual([name, prefix, shape, true])
      }
})
