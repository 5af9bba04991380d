import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { appCommand } from '@freshet/testkit'
import { Program } from './support/program.ts'

const program = ['--require', join(import.meta.dirname, 'support/print-packages.cjs'), ...appCommand('cli')]

/** The driver, the servers, schemas, metrics and logs: each takes as long to load as Node.js itself. */
const large = ['ajv', 'mongodb', 'mongodb-memory-server-core', 'pino', 'prom-client']

async function loadedBy(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  await using run = new Program(args, undefined, { program, env })
  const { said } = await run.outcome
  const names = said.trimEnd().split('\n').at(-1)?.split(' ') ?? []
  return large.filter((name) => names.includes(name))
}

test.each([['--version'], ['--help'], ['dev --help'], ['migrate --help'], ['token'], ['token --for=0']])(
  'freshet %s loads nothing that only other commands need',
  async (line) => {
    expect(await loadedBy(line.split(' '), { FRESHET_TOKEN_SECRET: 's'.repeat(32) })).toEqual([])
  },
)

test('control: a command that needs the driver and schemas loads them', async () => {
  const env = { FRESHET_DB: 'mongodb://a:b@127.0.0.1:1/?directConnection=true' }
  const collections = `--collections=${join(import.meta.dirname, '../../../collections')}`
  expect(await loadedBy(['migrate', '--database=shop', collections], env)).toEqual(['ajv', 'mongodb'])
})
