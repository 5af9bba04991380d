import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import { describeRun } from '../src/dev/describe-run.ts'
import { readRunning, type RunningDev } from '../src/dev/running.ts'
import { FileLock } from '../src/file-lock.ts'
import { runProgram } from '../src/program.ts'
import { StateFolder } from '../src/state-folder.ts'

const cwd = mkdtempSync(join(tmpdir(), 'freshet-running-'))
afterAll(() => rmSync(cwd, { recursive: true }))

const doors = { url: 'http://127.0.0.1:1', managementUrl: 'http://127.0.0.1:2' }
const run: RunningDev = {
  writer: doors,
  readers: [doors, doors],
  deliveries: [doors],
  databaseKind: 'mongodb',
  addresses: {
    admin: 'mongodb://developer:hidden@127.0.0.1',
    writer: 'mongodb://writer:hidden@127.0.0.1',
    reader: 'mongodb://reader:hidden@127.0.0.1',
    delivery: 'mongodb://delivery:hidden@127.0.0.1',
    auditor: 'mongodb://auditor:hidden@127.0.0.1',
  },
  database: 'shop',
  collections: '/collections',
  token: 'hidden',
  tokenKeyFile: '/key',
}
const keep = (text: string): void => StateFolder.kept(cwd).write('running.json', text)

/** Locked, as by an active run. */
const goingOn = () => FileLock.take(StateFolder.kept(cwd).file('running.lock'))

test('the file of an active run is read; without a run there is none', () => {
  expect(readRunning({ cwd: '/nowhere' })).toBeUndefined()
  keep(JSON.stringify(run))
  expect(readRunning({ cwd })).toBeUndefined()
  {
    using lock = goingOn()
    expect(lock).toBeDefined()
    expect(readRunning({ cwd })).toEqual(run)
  }
  expect(readRunning({ cwd })).toBeUndefined()
})

test('the file of a killed run is ignored, whatever its content', () => {
  for (const text of ['', '{}', '{"writer":"1"}', JSON.stringify(run)]) {
    keep(text)
    expect(readRunning({ cwd })).toBeUndefined()
  }
})

test.each([
  ['', 'the file is not JSON'],
  ['{"writer":', 'the file is not JSON'],
  ['null', 'the file is not an object'],
  ['{}', 'writer is not an object'],
  [JSON.stringify({ ...run, writer: { url: doors.url } }), 'writer.managementUrl is not a string'],
  [JSON.stringify({ ...run, readers: 'none' }), 'readers is not a list'],
  [JSON.stringify({ ...run, readers: [doors, { ...doors, url: 7 }] }), 'readers[1].url is not a string'],
  [JSON.stringify({ ...run, addresses: 'hidden' }), 'addresses is not an object'],
  [
    JSON.stringify({ ...run, addresses: { ...run.addresses, writer: undefined } }),
    'addresses.writer is not a string',
  ],
  [
    JSON.stringify({ ...run, addresses: { ...run.addresses, auditor: ['hidden'] } }),
    'addresses.auditor is not a string',
  ],
  [JSON.stringify({ ...run, tokenKeyFile: undefined }), 'tokenKeyFile is not a string'],
])('a command that finds %.40s reports the fault and a remedy, but no secret', async (kept, fault) => {
  keep(kept)
  using lock = goingOn()
  expect(lock).toBeDefined()
  const said: string[] = []
  const code = await runProgram(['audit'], {
    env: {},
    cwd,
    clock: systemClock,
    readFile: () => '',
    print: () => undefined,
    say: (text) => said.push(text),
    stopped: new AbortController().signal,
  })
  expect(code).toBe(78)
  expect(said).toEqual([
    `freshet audit: BAD_RUN_FILE: in .freshet/running.json, ${fault}. Restart \`npm run dev\` in this directory, or delete the file.`,
  ])
})

test('the address of PostgreSQL that is printed leads to the application database', () => {
  const postgres = {
    ...run,
    databaseKind: 'postgres',
    addresses: { ...run.addresses, admin: 'postgres://a:b@127.0.0.1:5/postgres' },
  } as const
  const { json, text } = describeRun(postgres, undefined)
  expect(text).toMatch(/^PostgreSQL +postgres:\/\/a:b@127\.0\.0\.1:5\/shop +database shop$/m)
  expect(JSON.parse(json)).toMatchObject({ postgres: 'postgres://a:b@127.0.0.1:5/shop' })
  expect(describeRun(run, undefined).text).toMatch(/^MongoDB +mongodb:\/\/developer:hidden@127\.0\.0\.1 /m)
})
