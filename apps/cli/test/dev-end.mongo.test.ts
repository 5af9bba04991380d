import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import { Program } from './support/program.ts'

const started = ['dev', '--json', '--port=0', '--no-sample', '--readers=1', '--deliveries=0']

/** A separate temporary directory: runs of other tests remove orphans from the shared one. */
const TMPDIR = mkdtempSync(join(tmpdir(), 'freshet-apart-'))
afterAll(() => rmSync(TMPDIR, { recursive: true }))
const apart = { env: { TMPDIR } }

/** The process of the run whose command line matches. */
function memberOf(program: Program, words: RegExp): number {
  const pid = program.family().find((pid) => words.test(Program.commandOf(pid)))
  if (pid === undefined) throw new Error(`no process of the run matches ${words}`)
  return pid
}

/** Two services, the database, its watchdog, and itself. */
const PROCESSES = 5

/** SIGINT to the process alone is tested in `dev.mongo.test.ts`. */
const ends = {
  'Ctrl-C': (program) => program.signalGroup('SIGINT'),
  'SIGTERM to the process alone': (program) => program.signal('SIGTERM'),
  'the end of its parent process': (program) => program.disconnect(),
} satisfies Record<string, (program: Program) => void>

const waited = /^(?:Another run is using|Port \d+ of the existing data is in use: waiting) /

/** Expects a graceful shutdown that leaves no process behind. `before`: lines printed between start and end. */
async function endInOrder(program: Program, end: keyof typeof ends, ...before: unknown[]): Promise<void> {
  expect(program.family().length).toBeGreaterThanOrEqual(PROCESSES)
  ends[end](program)
  const { code, said } = await program.outcome
  // The only output is the origin of MongoDB, the shutdown, and whether it waited for another run or for its port.
  const lines = [
    expect.stringMatching(/^MongoDB /),
    ...before,
    expect.stringMatching(/^Stopping …(?:; the data remains in \S+\.)?$/),
    '',
  ]
  const without = said.split('\n').filter((line) => !waited.test(line))
  expect({ code, said: without }).toEqual({ code: 0, said: lines })
  await program.gone()
}

test('Ctrl-C during startup leaves nothing behind', async () => {
  await using program = new Program([...started, '--ephemeral'])
  await eventually(() => expect(program.said).toMatch(/^MongoDB/))
  program.family()
  program.signalGroup('SIGINT')
  const { code, printed, said } = await program.outcome
  expect({ code, printed, said }).toEqual({
    code: 0,
    printed: '',
    said: expect.stringMatching(/^MongoDB [^\n]*\nStopping …\n$/),
  })
  await program.gone()
})

test('when a reader dies, everything stops and the reader is named', async () => {
  await using program = new Program([...started, '--ephemeral'], undefined, apart)
  await program.json()
  process.kill(memberOf(program, /reader.*main\.[jt]s/), 'SIGKILL')
  const { code, said } = await program.outcome
  const sentence = /reader \d ended with SIGKILL: stopping everything\. Its log is \S+reader-\d\.log\./
  expect({ code, said }).toEqual({ code: 1, said: expect.stringMatching(sentence) })
  await program.gone()
  // The log exists although the data is deleted.
  const [, log = ''] = /Its log is (\S+)\.$/m.exec(said) ?? []
  expect(readFileSync(log, 'utf8')).toContain('listening')
  expect(readdirSync(join(log, '../..')).sort()).toEqual(['lock', 'logs'])
})

/** An ephemeral run shared by tests until it is killed. */
const first = new Program([...started, '--ephemeral'], undefined, apart)
afterAll(() => first[Symbol.asyncDispose]())
const stateOfFirst = (name: string): string => join(first.cwd, '.freshet', name)

test('a second run in the same directory leaves the files of the first alone, and when its database dies, it stops and reports that', async () => {
  const { token } = await first.json()
  const running = readFileSync(stateOfFirst('running.json'), 'utf8')
  await using second = new Program([...started, '--ephemeral'], first.cwd, apart)
  await second.json()
  expect(second.said).toContain('Another run is active in this directory and keeps its files in .freshet/.\n')
  // Nothing of an active run is removed.
  expect(existsSync(join(temporaryOf(first), 'token-key'))).toBe(true)
  process.kill(memberOf(second, /^\S*mongod /), 'SIGKILL')
  expect(await second.outcome).toMatchObject({
    code: 1,
    said: expect.stringMatching(/MongoDB ended unexpectedly: stopping everything\./),
  })
  await second.gone()
  expect(readFileSync(stateOfFirst('token'), 'utf8')).toBe(token)
  expect(readFileSync(stateOfFirst('running.json'), 'utf8')).toBe(running)
})

test('a killed run is ignored, and the next run removes what it left and shuts down gracefully', async () => {
  await first.json()
  first.family()
  const folder = temporaryOf(first)
  expect(readdirSync(folder)).toEqual(expect.arrayContaining(['data', 'token-key']))
  first.signal('SIGKILL')
  await first.gone()
  expect(existsSync(stateOfFirst('running.json'))).toBe(true)
  expect(existsSync(folder)).toBe(true)
  await using audit = new Program(['audit'], first.cwd, apart)
  await using next = new Program([...started, '--ephemeral'], undefined, apart)
  expect(await audit.outcome).toMatchObject({ code: 78, said: expect.stringContaining('NO_RUN') })
  await next.json()
  expect(existsSync(folder)).toBe(false)
  await endInOrder(next, 'SIGTERM to the process alone')
  expect(readdirSync(join(next.cwd, '.freshet'))).toEqual(['running.lock'])
})

/** The current run with data in the shared directory. */
let keeping: Program
const folder = mkdtempSync(join(tmpdir(), 'freshet-kept-'))
afterAll(async () => {
  await keeping[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

test('an interrupted first start is reported and repeated', async () => {
  const data = join(folder, '.freshet', 'data')
  mkdirSync(data, { recursive: true })
  writeFileSync(join(data, 'WiredTiger'), 'half')
  keeping = new Program(started, folder)
  expect(await keeping.json()).toMatchObject({ ready: true })
  expect(keeping.said).toMatch(cutOff)
})
const cutOff = /^The first start in \S+\.freshet was not completed: starting over\.$/m

test('a second run with data in the same directory waits, and then continues or says why it cannot', async () => {
  const before = keeping
  const { database } = await before.json()
  const second = new Program(started, folder)
  await eventually(() =>
    expect(second.said).toMatch(/^Another run is using .*: waiting up to 10 s for it to stop\.$/m),
  )
  keeping = second
  await using third = new Program(started, folder)
  await eventually(() => expect(third.said).toContain('Another run is using'))
  third.signal('SIGINT')
  expect(await third.outcome).toMatchObject({ code: 0, printed: '' })
  await endInOrder(before, 'Ctrl-C', expect.stringMatching(cutOff))
  expect(await second.json()).toMatchObject({ ready: true, database })
  await using fourth = new Program(started, folder)
  expect(await fourth.outcome).toMatchObject({
    code: 1,
    printed: '',
    said: expect.stringMatching(
      /^freshet dev: FOLDER_IN_USE: .* --port=0 and either --ephemeral or in another directory/m,
    ),
  })
})

test('after a kill no process remains, and the next run in the directory waits for that, continues and shuts down gracefully', async () => {
  const killed = keeping
  const { database } = await killed.json()
  expect(killed.family().length).toBeGreaterThanOrEqual(PROCESSES)
  killed.signal('SIGKILL')
  keeping = new Program(started, folder)
  expect(await keeping.json()).toMatchObject({ ready: true, database })
  await killed.gone()
  await endInOrder(keeping, 'the end of its parent process')
})

/** The temporary directory of a run. */
function temporaryOf(program: Program): string {
  const [, folder = 'none'] = /--mongodb-uri-file=(\S+)\/writer\//.exec(commandOfWriter(program)) ?? []
  return folder
}

const commandOfWriter = (program: Program): string =>
  Program.commandOf(memberOf(program, /--mongodb-uri-file=\S+\/writer\//))

test('a port in use is reported before anything starts, with a remedy', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await using program = new Program(['dev', `--port=${port}`, '--ephemeral'])
  const { code, said, printed } = await program.outcome
  server.close()
  expect({ code, printed }).toEqual({ code: 1, printed: '' })
  expect(said).toMatch(
    new RegExp(
      `^freshet dev: PORT_TAKEN: port ${port} on 127.0.0.1, required for the writer, is in use\\..*--port`,
    ),
  )
})
