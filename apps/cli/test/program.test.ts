import { expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import { runProgram } from '../src/program.ts'

async function freshet(...argv: string[]) {
  const lines = { printed: '', said: '' }
  const code = await runProgram(argv, {
    env: {},
    cwd: '/nowhere',
    clock: systemClock,
    readFile: () => '',
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
    ['readers', 'port', 'db', 'database', 'collections', 'cache-size', 'ephemeral', 'no-sample', 'json'],
  ],
  [
    'audit',
    ['readers', 'db-file', 'database', 'collections', 'token-file', 'for', 'concurrency', 'pause', 'json'],
  ],
  ['doctor guard', ['db-file', 'database', 'json']],
  ['token', ['subject', 'roles', 'for', 'token-secret-file']],
  ['migrate', ['db-file', 'database', 'collections', 'json']],
  ['timeline new', ['db-file', 'database']],
])('%s --help tells every option', async (name, options) => {
  const { code, printed } = await freshet(...name.split(' '), '--help')
  expect(code).toBe(0)
  for (const option of options) expect(printed).toMatch(new RegExp(`^  --${option} `, 'm'))
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
  expect(await freshet('audit')).toMatchObject({ code: 1, said: expect.stringContaining('NO_RUN') })
})
