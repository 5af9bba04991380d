import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
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
  mongodb: 'mongodb://developer:hidden@127.0.0.1',
  reader: 'mongodb://reader:hidden@127.0.0.1',
  auditor: 'mongodb://auditor:hidden@127.0.0.1',
  database: 'shop',
  collections: '/collections',
  token: 'hidden',
  tokenKeyFile: '/key',
}
const keep = (text: string): void => StateFolder.kept(cwd).write('running.json', text)

/** As a run holds it that goes on. */
const goingOn = () => FileLock.take(StateFolder.kept(cwd).file('running.lock'))

test('what a run that goes on wrote is read, and without one there is nothing', () => {
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

test('what a run left that was killed is of none, whatever it says', () => {
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
  [JSON.stringify({ ...run, writer: { url: doors.url } }), 'writer.managementUrl is not a text'],
  [JSON.stringify({ ...run, readers: 'none' }), 'readers is not a list'],
  [JSON.stringify({ ...run, readers: [doors, { ...doors, url: 7 }] }), 'readers[1].url is not a text'],
  [JSON.stringify({ ...run, auditor: ['hidden'] }), 'auditor is not a text'],
  [JSON.stringify({ ...run, tokenKeyFile: undefined }), 'tokenKeyFile is not a text'],
])(
  'a command that finds %.40s says what is wrong with it and what to do, and no secret',
  async (kept, fault) => {
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
      `freshet audit: BAD_RUN_FILE: in .freshet/running.json ${fault}. Start \`npm run dev\` in this folder again, or delete the file.`,
    ])
  },
)
