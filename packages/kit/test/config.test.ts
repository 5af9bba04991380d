import { expect, test } from '@jest/globals'
import {
  bytes,
  choice,
  ConfigError,
  count,
  defineOptions,
  flag,
  helpTable,
  helpText,
  list,
  ms,
} from '../src/index.ts'
import { readConfig, REQUIRED, secret, text, url } from '../src/index.ts'
import type { Environment } from '../src/index.ts'

const options = defineOptions({
  port: count('port', 8080, 'The port.', { min: 0, max: 65_535 }),
  cacheBytes: bytes('cache-size', 64 * 2 ** 20, 'The budget.'),
  staleAfterMs: ms('stale-after', undefined, 'The silence.'),
  database: text('database', 'app', 'The name.'),
  level: choice('level', ['info', 'debug'], 'info', 'How much.'),
  quiet: flag('quiet', 'Says less.'),
  origins: list('cors-origins', 'Who may ask.'),
  link: url('reader-url', undefined, 'Where to read.'),
  token: secret('token-secret', undefined, 'Signs tokens.'),
})

const read = (argv: string[], env: Environment['env'] = {}, files: Record<string, string> = {}) =>
  readConfig(options, { argv, env, readFile: reading(files) })

function reading(files: Record<string, string>): Environment['readFile'] {
  return (path) => {
    const content = files[path]
    if (content === undefined) throw new Error('ENOENT')
    return content
  }
}

test('without settings every option has its default, and the result is frozen and exactly typed', () => {
  const config = read([], { PATH: '/bin' })
  const port: number = config.port
  const stale: number | undefined = config.staleAfterMs
  const level: 'info' | 'debug' = config.level
  // @ts-expect-error a default of undefined stays visible in the type
  const wrong: number = config.staleAfterMs
  expect([port, stale, level, wrong]).toEqual([8080, undefined, 'info', undefined])
  expect(config).toMatchObject({ cacheBytes: 67_108_864, quiet: false, origins: [], token: undefined })
  expect(Object.isFrozen(config)).toBe(true)
})

test('flags override the environment, which overrides the file, which overrides the default', () => {
  const files = {
    'f.json':
      '{"port": 1, "cache-size": "1KiB", "level": "debug", "quiet": true, "cors-origins": ["a", "b"]}',
  }
  const env = { FRESHET_PORT: '2', FRESHET_CACHE_SIZE: '2KiB' }
  const config = read(['--config', 'f.json', '--port=3'], env, files)
  expect(config).toMatchObject({
    port: 3,
    cacheBytes: 2048,
    level: 'debug',
    quiet: true,
    origins: ['a', 'b'],
  })
  expect(read([], { ...env, FRESHET_CONFIG: 'f.json' }, files)).toMatchObject({ port: 2, level: 'debug' })
})

test.each([
  ['0', 0],
  ['250ms', 250],
  ['5s', 5000],
  ['2m', 120_000],
  ['1h', 3_600_000],
])('a duration %s is %d ms', (given, expected) => {
  expect(read(['--stale-after', given]).staleAfterMs).toBe(expected)
})

test('a flag without a value is true; with one, it has that value', () => {
  expect(read(['--quiet', '--port', '5'])).toMatchObject({ quiet: true, port: 5 })
  expect(read(['--quiet=false'], { FRESHET_QUIET: 'true' }).quiet).toBe(false)
})

const file = (content: string) => ({ 'f.json': content })
test.each<[string, string[], Environment['env'], Record<string, string>, string, RegExp]>([
  [
    'a duration without unit',
    ['--stale-after', '5'],
    {},
    {},
    'BAD_VALUE',
    /--stale-after is "5"; expected .*ms, s/,
  ],
  [
    'a duration that exceeds the limit of a timer',
    ['--stale-after', '25d'],
    {},
    {},
    'BAD_VALUE',
    /to 2147483647ms/,
  ],
  ['a decimal unit', ['--cache-size', '64MB'], {}, {}, 'BAD_VALUE', /--cache-size is "64MB".*MiB/],
  ['a unit from Object.prototype', ['--cache-size', '1constructor'], {}, {}, 'BAD_VALUE', /unit/],
  [
    'a port that is too high',
    [],
    { FRESHET_PORT: '65536' },
    {},
    'BAD_VALUE',
    /FRESHET_PORT is "65536"; expected .*0 to 65535/,
  ],
  ['an empty number', ['--port='], {}, {}, 'BAD_VALUE', /--port is ""/],
  ['another word', ['--level', 'loud'], {}, {}, 'BAD_VALUE', /one of info, debug/],
  ['another scheme', ['--reader-url', 'ftp://x'], {}, {}, 'BAD_VALUE', /http/],
  ['an unknown flag', ['--prot', '1'], {}, {}, 'UNKNOWN', /"--prot"/],
  ['an argument', ['serve'], {}, {}, 'UNKNOWN', /"serve"/],
  ['an unknown variable', [], { FRESHET_PROT: '1' }, {}, 'UNKNOWN', /FRESHET_PROT/],
  ['a variable in lower case', [], { FRESHET_port: '1' }, {}, 'UNKNOWN', /FRESHET_port/],
  ['an unknown key', ['--config', 'f.json'], {}, file('{"prot":1}'), 'UNKNOWN', /"prot" in f.json/],
  [
    'an object as value',
    ['--config', 'f.json'],
    {},
    file('{"port":{}}'),
    'BAD_VALUE',
    /"port" in f.json is \{\}/,
  ],
  ['a file that is not JSON', ['--config', 'f.json'], {}, file('{'), 'BAD_FILE', /f.json is not JSON/],
  ['a file that is an array', ['--config', 'f.json'], {}, file('[]'), 'BAD_FILE', /not an object/],
  ['a missing file', ['--config', 'f.json'], {}, {}, 'UNREADABLE', /"f.json", which cannot be read/],
  ['a flag without its value', ['--port', '--quiet'], {}, {}, 'BAD_VALUE', /--port has no value/],
  ['a flag twice', ['--port', '1', '--port', '2'], {}, {}, 'CONFLICT', /--port is set twice/],
])('%s is refused, and the message says where', (_, argv, env, files, code, message) => {
  expect(() => read(argv, env, files)).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(message) }),
  )
})

test('a secret comes from a file or a variable, by precedence of the source', () => {
  const files = { s: 'from file\n', 'f.json': '{"token-secret-file":"s"}' }
  expect(read(['--token-secret-file', 's'], { FRESHET_TOKEN_SECRET: 'x' }, files).token).toBe('from file')
  expect(read(['--config=f.json'], { FRESHET_TOKEN_SECRET: 'from env' }, files).token).toBe('from env')
  expect(read(['--config=f.json'], {}, files).token).toBe('from file')
})

test('a secret is never accepted where it is visible, and never shown', () => {
  const failures = [
    () => read(['--token-secret', 'hush']),
    () => read(['--token-secrt=hush']),
    () => read(['--config=f.json'], {}, { 'f.json': '{"token-secret":"hush"}' }),
    () => read([], { FRESHET_TOKEN_SECRET: 'hush', FRESHET_TOKEN_SECRET_FILE: 's' }, { s: 'hush' }),
  ]
  for (const failure of failures) {
    expect(failure).toThrow(ConfigError)
    expect(failure).not.toThrow(/hush/)
  }
})

test('a missing required option is named', () => {
  const table = defineOptions({ db: text('db', REQUIRED, 'The database.') })
  expect(() => readConfig(table, { argv: [], env: {}, readFile: reading({}) })).toThrow(
    /--db is missing: The database/,
  )
  const db: string = readConfig(table, { argv: ['--db', 'x'], env: {}, readFile: reading({}) }).db
  expect(db).toBe('x')
})

test('a table with a duplicate, invalid or reserved name does not load', () => {
  for (const names of [['a', 'a'], ['A'], ['help'], ['a_b']])
    expect(() => defineOptions(Object.fromEntries(names.map((name, at) => [at, flag(name, '')])))).toThrow(
      TypeError,
    )
  expect(() => defineOptions({ a: secret('a', undefined, ''), b: text('a-file', undefined, '') })).toThrow(
    /--a-file/,
  )
})

test('help and the documentation table list every option with its default', () => {
  const help = helpText(options)
  expect(help).toMatch(/^ {2}--cache-size SIZE +The budget\. \(default 64MiB\)$/m)
  expect(help).toMatch(/^ {2}--stale-after DURATION +The silence\.$/m)
  expect(help).toContain('--token-secret-file PATH')
  const table = helpTable(options)
  expect(table).toContain('| `--cache-size` | `FRESHET_CACHE_SIZE` | `64MiB` | The budget. |')
  expect(table.trim().split('\n')).toHaveLength(2 + Object.keys(options).length)
})

test('the footer of a help text refers only to the options above it', () => {
  const foot = (text: string) => text.slice(text.indexOf('\n\n') + 2).split('\n')
  expect(foot(helpText(options))).toEqual([
    expect.stringMatching(/^DURATION: .* 5s/),
    expect.stringMatching(/^SIZE: .* 64MiB/),
    expect.stringMatching(/^LIST: /),
    'Each option can also be set in the environment: --port is FRESHET_PORT.',
    'Instead of a file, the value itself can be set in FRESHET_TOKEN_SECRET.',
    '',
  ])
  const other = { db: secret('db', REQUIRED, 'The database.') }
  expect(foot(helpText(other))).toEqual([
    'Each option can also be set in the environment: --db-file is FRESHET_DB_FILE.',
    'Instead of a file, the value itself can be set in FRESHET_DB.',
    '',
  ])
})

test('a message ends with the remedy unless it already contains it', () => {
  const refusal = (...given: Parameters<typeof read>): string => {
    try {
      read(...given)
      return 'it is taken'
    } catch (error) {
      return error instanceof ConfigError ? error.message : String(error)
    }
  }
  expect(refusal(['--level', 'loud'])).toBe('--level is "loud"; expected one of info, debug.')
  expect(refusal(['--port=1', '--port=2'])).toBe('--port is set twice; expected one value.')
  expect(refusal(['--token-secret-file=s'])).toBe(
    '--token-secret-file names "s", which cannot be read. Check the path and its permissions.',
  )
  expect(refusal(['--config=f.json'], {}, file('{'))).toMatch(
    /^f\.json is not JSON\. The file of --config must contain/,
  )
})

test('a duration that is not used for a timer may exceed the limit of a timer', () => {
  const { forMs } = defineOptions({ forMs: ms('for', 0, 'How long.', { max: 366 * 86_400_000 }) })
  expect(forMs.parse('30d')).toBe(30 * 86_400_000)
  expect(forMs.parse('367d')).toEqual({ expected: expect.stringContaining('to 366d') })
})
