import { expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import { runProgram } from '../src/program.ts'

const freshet = (...argv: string[]) => freshetIn({}, ...argv)

async function freshetIn(env: Readonly<Record<string, string>>, ...argv: string[]) {
  const lines = { printed: '', said: '' }
  const code = await runProgram(argv, {
    env,
    cwd: '/nowhere',
    clock: systemClock,
    readFile: (path) => (path.endsWith('package.json') ? '{"version":"1.2.3"}' : ''),
    print: (text) => (lines.printed += text),
    say: (text) => (lines.said += text),
    stopped: new AbortController().signal,
  })
  return { code, ...lines }
}

const commands = [
  'dev',
  'audit',
  'doctor',
  'doctor guard',
  'doctor log',
  'top',
  'why',
  'token',
  'migrate',
  'timeline new',
]

test('without a command, all commands are listed', async () => {
  const { code, printed } = await freshet()
  expect(code).toBe(0)
  for (const name of commands) expect(printed).toContain(`  ${name} `)
})

test.each([
  [
    'dev',
    [
      'readers',
      'port',
      'host',
      'cors-origins',
      'db',
      'database',
      'collections',
      'cache-size',
      'ephemeral',
      'sample',
      'no-sample',
      'json',
    ],
  ],
  [
    'audit',
    [
      'reader-urls',
      'db-file',
      'database',
      'collections',
      'token-file',
      'for',
      'concurrency',
      'pause',
      'json',
    ],
  ],
  [
    'doctor',
    [
      'management-urls',
      'admin-db-file',
      'db-file',
      'delivery-db-file',
      'database',
      'publication',
      'collections',
      'manifests',
      'json',
    ],
  ],
  ['doctor guard', ['db-file', 'delivery-db-file', 'database', 'json']],
  ['doctor log', ['log-uri-file', 'log-heartbeat-within', 'json']],
  ['top', ['management-urls', 'interval', 'once', 'json']],
  ['why', ['management-urls', 'reader-urls', 'token-file', 'look', 'json']],
  ['token', ['subject', 'roles', 'groups', 'handlers', 'for', 'token-key-file', 'token-secret-file']],
  ['migrate', ['db-file', 'database', 'collections', 'json']],
  ['timeline new', ['db-file', 'database']],
])('%s --help lists every option', async (name, options) => {
  const { code, printed } = await freshet(...name.split(' '), '--help')
  expect(code).toBe(0)
  for (const option of options) expect(printed).toMatch(new RegExp(`^  --${option} `, 'm'))
})

test('audit --help explains its exit codes', async () => {
  const { printed } = await freshet('audit', '--help')
  const codes = [...printed.slice(printed.indexOf('Exit codes:')).matchAll(/^ {2}(\d+) +\S/gm)]
  expect(codes.map(([, code]) => code)).toEqual(['0', '1', '3', '69', '70', '78'])
})

test('token --handlers requires names of services', async () => {
  const env = { FRESHET_TOKEN_SECRET: 's'.repeat(32) }
  expect((await freshetIn(env, 'token', '--handlers=stock,shop')).code).toBe(0)
  expect(await freshetIn(env, 'token', '--handlers=stock,Shop')).toMatchObject({
    code: 78,
    said: expect.stringContaining('--handlers contains "Shop"; expected service names'),
  })
})

test('an unknown command, an unknown option and a missing one are refused with exit code and hint', async () => {
  expect(await freshet('dive')).toMatchObject({
    code: 2,
    said: expect.stringContaining('"dive" is not a command'),
  })
  expect(await freshet('dev', '--prot=1')).toMatchObject({
    code: 78,
    said: expect.stringContaining('--prot'),
  })
  expect(await freshet('migrate')).toMatchObject({
    code: 78,
    said: expect.stringContaining('--db-file is missing'),
  })
  expect(await freshet('audit')).toMatchObject({ code: 78, said: expect.stringContaining('NO_RUN') })
})

test('invalid reader URLs are refused before any request', async () => {
  for (const url of ['localhost:7401', 'http://h/?a=b', 'nowhere'])
    expect(await freshet('audit', `--reader-urls=http://good:1,${url}`)).toMatchObject({
      code: 78,
      said: expect.stringContaining(`--reader-urls contains "${url}"; expected`),
    })
})

test('a variable of another command is ignored, an unknown one is refused', async () => {
  expect(await freshetIn({ FRESHET_READERS: '5' }, 'audit')).toMatchObject({
    code: 78,
    said: expect.stringContaining('NO_RUN'),
  })
  expect(await freshetIn({ FRESHET_RAEDERS: '5' }, 'audit')).toMatchObject({
    code: 78,
    said: expect.stringContaining('FRESHET_RAEDERS does not match any option'),
  })
})

test.each([[['help']], [['--help']], [['-h']]])('%j lists the commands', async (argv) => {
  expect(await freshet(...argv)).toMatchObject({ code: 0, printed: expect.stringContaining('  audit ') })
})

test('help of one command, the version, and an incomplete command', async () => {
  for (const argv of [
    ['help', 'doctor', 'guard'],
    ['doctor', 'guard', '-h'],
  ])
    expect(await freshet(...argv)).toMatchObject({ code: 0, printed: expect.stringContaining('--db-file') })
  expect(await freshet('--version')).toEqual({ code: 0, printed: '1.2.3', said: '' })
  const { code, said } = await freshet('timeline')
  expect(code).toBe(2)
  expect(said).toMatch(/^freshet: "timeline" is not a command; expected: timeline new\./)
})

test('doctor checks everything, and a word that begins several commands lists them', async () => {
  expect(await freshet('doctor')).toMatchObject({
    code: 78,
    said: expect.stringContaining('freshet doctor: NO_RUN'),
  })
  for (const argv of [
    ['doctor', '--help'],
    ['help', 'doctor'],
  ])
    expect(await freshet(...argv)).toMatchObject({ code: 0, printed: expect.stringContaining('--db-file') })
  expect(await freshet('doctor', 'teeth')).toMatchObject({
    code: 2,
    said: expect.stringContaining('expected: doctor, doctor guard, doctor log.'),
  })
  for (const argv of [
    ['timeline', '--help'],
    ['help', 'timeline'],
  ]) {
    const { code, printed } = await freshet(...argv)
    expect(code).toBe(0)
    expect(printed).toContain('  timeline new')
    expect(printed).not.toContain('  audit ')
  }
})

test.each([
  ['--sample', '--no-sample'],
  ['--sample', '--collections=here'],
])('dev %s %s is refused', async (...argv) => {
  expect(await freshet('dev', ...argv)).toMatchObject({
    code: 78,
    said: expect.stringContaining('--sample cannot be combined'),
  })
})

test('an origin that no browser sends is refused before anything starts', async () => {
  expect(await freshet('dev', '--cors-origins=localhost:3000')).toMatchObject({
    code: 78,
    said: expect.stringContaining('--cors-origins'),
  })
})

test.each([
  ['dev', '--database=a.b'],
  ['dev', '--database=admin'],
  ['dev', `--database=${'x'.repeat(55)}`],
  ['dev', '--cache-size=1B'],
  ['token', '--for=0'],
  ['token', '--for=367d'],
  ['audit', '--for=0s'],
])('%s %s is refused before anything is started', async (...argv) => {
  expect(await freshet(...argv)).toMatchObject({
    code: 78,
    printed: '',
    said: expect.stringMatching(/expected an? /),
  })
})

test('a token may be valid for as long as services accept', async () => {
  const env = { FRESHET_TOKEN_SECRET: 's'.repeat(32) }
  const { code, printed } = await freshetIn(env, 'token', '--for=366d')
  expect(code).toBe(0)
  const { iat, exp } = JSON.parse(Buffer.from(printed.split('.')[1] ?? '', 'base64url').toString())
  expect(exp - iat).toBe(366 * 86_400)
})

test.each(commands)('%s --help lists its exit codes, and mentions no unknown option', async (name) => {
  const { printed } = await freshet(...name.split(' '), '--help')
  expect(printed).toMatch(/^Exit codes:\n {2}0 /m)
  for (const [flag] of printed.matchAll(/(?<!npm run )--[a-z][a-z-]*/g))
    expect(printed).toMatch(new RegExp(`^ {2}${flag} `, 'm'))
})

const unreachable = 'mongodb://a:b@127.0.0.1:1/?directConnection=true'
test.each([
  ['doctor', {}, 78],
  ['top --once', {}, 78],
  ['why products/1', {}, 78],
  ['why', {}, 78],
  ['why products', {}, 78],
  ['doctor guard', {}, 78],
  ['doctor log', {}, 78],
  ['doctor log', { FRESHET_LOG_URI: 'nats://127.0.0.1:1/app' }, 69],
  ['doctor log', { FRESHET_LOG_URI: 'kafka://127.0.0.1:1/app' }, 69],
  ['audit', {}, 78],
  ['migrate --database=shop --collections=/nowhere', { FRESHET_DB: unreachable }, 78],
  ['migrate --database=shop --collections=collections', { FRESHET_DB: unreachable }, 69],
  ['migrate --database=shop --collections=collections', { FRESHET_DB: 'mongo:x' }, 78],
  ['timeline new --database=shop', { FRESHET_DB: unreachable }, 69],
  ['doctor guard --database=shop', { FRESHET_DB: unreachable }, 69],
  ['dev --ephemeral --port=0 --collections=/nowhere', {}, 78],
])('%s with %j ends with %d, with the same meaning as for every command', async (line, env, code) => {
  expect(await freshetIn(env, ...line.split(' '))).toMatchObject({ code, printed: '' })
})

test.each([
  ['dev', 'npm_config_ephemeral', 'true', 'npm run dev -- --ephemeral.'],
  ['dev', 'npm_config_cache_size', '1GiB', 'npm run dev -- --cache-size.'],
  ['dev', 'npm_config_sample', '', 'npm run dev -- --no-sample.'],
  ['audit', 'npm_config_json', 'true', 'npm run freshet -- audit --json.'],
  ['migrate', 'npm_config_db_file', 'true', 'npm run freshet -- migrate --db-file.'],
])('%s is refused if npm consumed one of its flags: %s', async (command, variable, value, advice) => {
  const { code, said } = await freshetIn({ [variable]: value }, command)
  expect({ code, said }).toEqual({ code: 78, said: expect.stringContaining(advice) })
})

test('flags that the command does not have may be meant for npm', async () => {
  const env = { npm_config_loglevel: 'silent', npm_config_readers: '5', FRESHET_TOKEN_SECRET: 's'.repeat(32) }
  expect(await freshetIn(env, 'token')).toMatchObject({ code: 0, said: '' })
})

test('`timeline new` refuses an address of PostgreSQL, which needs none', async () => {
  const { code, said } = await freshetIn(
    { FRESHET_DB: 'postgres://admin:secret@127.0.0.1:1/' },
    'timeline',
    'new',
    '--database=shop',
  )
  expect(code).toBe(78)
  expect(said).toMatch(/PostgreSQL begins a new timeline by itself/)
})
