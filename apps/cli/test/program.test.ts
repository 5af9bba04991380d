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

test('without a command every command is listed', async () => {
  const { code, printed } = await freshet()
  expect(code).toBe(0)
  for (const name of ['dev', 'audit', 'doctor guard', 'token', 'migrate', 'timeline new'])
    expect(printed).toContain(`  ${name} `)
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
  ['doctor guard', ['db-file', 'database', 'json']],
  ['token', ['subject', 'roles', 'handlers', 'for', 'token-key-file', 'token-secret-file']],
  ['migrate', ['db-file', 'database', 'collections', 'json']],
  ['timeline new', ['db-file', 'database']],
])('%s --help tells every option', async (name, options) => {
  const { code, printed } = await freshet(...name.split(' '), '--help')
  expect(code).toBe(0)
  for (const option of options) expect(printed).toMatch(new RegExp(`^  --${option} `, 'm'))
})

test('audit --help tells what its exit codes mean', async () => {
  const { printed } = await freshet('audit', '--help')
  const codes = [...printed.slice(printed.indexOf('Exit codes:')).matchAll(/^ {2}(\d+) +\S/gm)]
  expect(codes.map(([, code]) => code)).toEqual(['0', '1', '3', '69', '70', '78'])
})

test('token --handlers wants names of services', async () => {
  const env = { FRESHET_TOKEN_SECRET: 's'.repeat(32) }
  expect((await freshetIn(env, 'token', '--handlers=stock,shop')).code).toBe(0)
  expect(await freshetIn(env, 'token', '--handlers=stock,Shop')).toMatchObject({
    code: 78,
    said: expect.stringContaining('--handlers holds "Shop"; it wants names of services'),
  })
})

test('an unknown command, an unknown option and a missing one end with their codes and a hint', async () => {
  expect(await freshet('dive')).toMatchObject({
    code: 2,
    said: expect.stringContaining('"dive" is no command'),
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

test('addresses of readers that are none are refused before anything is asked', async () => {
  for (const url of ['localhost:7401', 'http://h/?a=b', 'nowhere'])
    expect(await freshet('audit', `--reader-urls=http://good:1,${url}`)).toMatchObject({
      code: 78,
      said: expect.stringContaining(`--reader-urls holds "${url}"; it wants`),
    })
})

test('a variable of another command is no mistake, one of none is', async () => {
  expect(await freshetIn({ FRESHET_READERS: '5' }, 'audit')).toMatchObject({
    code: 78,
    said: expect.stringContaining('NO_RUN'),
  })
  expect(await freshetIn({ FRESHET_RAEDERS: '5' }, 'audit')).toMatchObject({
    code: 78,
    said: expect.stringContaining('FRESHET_RAEDERS belongs to no option'),
  })
})

test.each([[['help']], [['--help']], [['-h']]])('%j lists the commands', async (argv) => {
  expect(await freshet(...argv)).toMatchObject({ code: 0, printed: expect.stringContaining('  audit ') })
})

test('help of one command, the version, and a command that was cut short', async () => {
  for (const argv of [
    ['help', 'doctor', 'guard'],
    ['doctor', 'guard', '-h'],
  ])
    expect(await freshet(...argv)).toMatchObject({ code: 0, printed: expect.stringContaining('--db-file') })
  expect(await freshet('--version')).toEqual({ code: 0, printed: '1.2.3', said: '' })
  const { code, said } = await freshet('doctor')
  expect(code).toBe(2)
  expect(said).toMatch(/^freshet: "doctor" is no command; wanted: doctor guard\./)
})

test.each([
  ['--sample', '--no-sample'],
  ['--sample', '--collections=here'],
])('dev %s %s contradict each other', async (...argv) => {
  expect(await freshet('dev', ...argv)).toMatchObject({
    code: 78,
    said: expect.stringContaining('--sample goes'),
  })
})

test('an origin that no browser sends is refused before anything is started', async () => {
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
])('%s %s is refused before anything is started', async (...argv) => {
  expect(await freshet(...argv)).toMatchObject({
    code: 78,
    printed: '',
    said: expect.stringMatching(/it wants a/),
  })
})
