import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import { Program } from './support/program.ts'

const started = ['dev', '--json', '--port=0', '--no-sample', '--readers=1']

/** A temporary folder of our own: runs of other tests take away what one that ended has left in the shared one. */
const TMPDIR = mkdtempSync(join(tmpdir(), 'freshet-apart-'))
afterAll(() => rmSync(TMPDIR, { recursive: true }))
const apart = { env: { TMPDIR } }

/** One process of a run whose command line has these words. */
function memberOf(program: Program, words: RegExp): number {
  const pid = program.family().find((pid) => words.test(Program.commandOf(pid)))
  if (pid === undefined) throw new Error(`no process of the run matches ${words}`)
  return pid
}

/** Two services, the database, its watchdog, and itself. */
const PROCESSES = 5

/** SIGINT to it alone is that of `dev.mongo.test.ts`. */
const ends = {
  'Ctrl-C': (program) => program.signalGroup('SIGINT'),
  'SIGTERM to it alone': (program) => program.signal('SIGTERM'),
  'the end of the program that started it': (program) => program.disconnect(),
} satisfies Record<string, (program: Program) => void>

/** It ends in order, and leaves no process behind. `before`: lines that it said between its start and its end. */
async function endInOrder(program: Program, end: keyof typeof ends, ...before: unknown[]): Promise<void> {
  expect(program.family().length).toBeGreaterThanOrEqual(PROCESSES)
  ends[end](program)
  const { code, said } = await program.outcome
  // All that was ever said is where MongoDB came from, and that it ends; and whether it waited for another.
  const lines = [
    expect.stringMatching(/^MongoDB /),
    ...before,
    expect.stringMatching(/^Stopping …(?:; the data stays in \S+\.)?$/),
    '',
  ]
  const without = said.split('\n').filter((line) => !line.startsWith('Another run keeps its data in '))
  expect({ code, said: without }).toEqual({ code: 0, said: lines })
  await program.gone()
}

test('Ctrl-C while it starts leaves nothing behind either', async () => {
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

test('when a reader dies everything stops, and it is said which one', async () => {
  await using program = new Program([...started, '--ephemeral'], undefined, apart)
  await program.json()
  process.kill(memberOf(program, /reader.*main\.[jt]s/), 'SIGKILL')
  const { code, said } = await program.outcome
  const sentence = /reader \d ended with SIGKILL: stopping everything\. Its log is \S+reader-\d\.log\./
  expect({ code, said }).toEqual({ code: 1, said: expect.stringMatching(sentence) })
  await program.gone()
  // The log that is named is there, although the data is gone.
  const [, log = ''] = /Its log is (\S+)\.$/m.exec(said) ?? []
  expect(readFileSync(log, 'utf8')).toContain('listening')
  expect(readdirSync(join(log, '../..')).sort()).toEqual(['lock', 'logs'])
})

/** An ephemeral run that goes on from test to test, until it is killed. */
const first = new Program([...started, '--ephemeral'], undefined, apart)
afterAll(() => first[Symbol.asyncDispose]())
const stateOfFirst = (name: string): string => join(first.cwd, '.freshet', name)

test('a second run in the same folder leaves all files of the first alone; when its database dies it stops and says so', async () => {
  const { token } = await first.json()
  const running = readFileSync(stateOfFirst('running.json'), 'utf8')
  await using second = new Program([...started, '--ephemeral'], first.cwd, apart)
  await second.json()
  expect(second.said).toContain('Another run goes on in this folder: the files in .freshet/ stay its own.\n')
  // Of one that goes on nothing is taken, and what it wrote down stays.
  expect(existsSync(join(temporaryOf(first), 'token-key'))).toBe(true)
  process.kill(memberOf(second, /^\S*mongod /), 'SIGKILL')
  expect(await second.outcome).toMatchObject({
    code: 1,
    said: expect.stringMatching(/MongoDB ended by itself: stopping everything\./),
  })
  await second.gone()
  expect(readFileSync(stateOfFirst('token'), 'utf8')).toBe(token)
  expect(readFileSync(stateOfFirst('running.json'), 'utf8')).toBe(running)
})

test('a run that was killed counts as none, and what it left is gone when the next one has started, which ends in order', async () => {
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
  await endInOrder(next, 'SIGTERM to it alone')
  expect(readdirSync(join(next.cwd, '.freshet'))).toEqual(['running.lock'])
})

/** The run that keeps its data, in a folder where one after the other does. */
let keeping: Program
const folder = mkdtempSync(join(tmpdir(), 'freshet-kept-'))
afterAll(async () => {
  await keeping[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

test('a first start that was cut off is said and made anew', async () => {
  const data = join(folder, '.freshet', 'data')
  mkdirSync(data, { recursive: true })
  writeFileSync(join(data, 'WiredTiger'), 'half')
  keeping = new Program(started, folder)
  expect(await keeping.json()).toMatchObject({ ready: true })
  expect(keeping.said).toMatch(cutOff)
})
const cutOff = /^The data in \S+\.freshet is of a first start that was cut off: making it anew\.$/m

test('a second run that would keep its data in the same folder waits, and then goes on or says why not', async () => {
  const before = keeping
  const { database } = await before.json()
  const second = new Program(started, folder)
  await eventually(() =>
    expect(second.said).toMatch(/^Another run keeps its data in .*: waiting up to 10 s for it to end\.$/m),
  )
  keeping = second
  await using third = new Program(started, folder)
  await eventually(() => expect(third.said).toContain('Another run keeps its data in'))
  third.signal('SIGINT')
  expect(await third.outcome).toMatchObject({ code: 0, printed: '' })
  await endInOrder(before, 'Ctrl-C', expect.stringMatching(cutOff))
  expect(await second.json()).toMatchObject({ ready: true, database })
  await using fourth = new Program(started, folder)
  expect(await fourth.outcome).toMatchObject({
    code: 1,
    printed: '',
    said: expect.stringMatching(
      /^freshet dev: FOLDER_IN_USE: .* --ephemeral or another folder, and --port=0/m,
    ),
  })
})

test('when it is killed itself no process stays, and the next run in its folder waits for that, goes on and ends in order', async () => {
  const killed = keeping
  const { database } = await killed.json()
  expect(killed.family().length).toBeGreaterThanOrEqual(PROCESSES)
  killed.signal('SIGKILL')
  keeping = new Program(started, folder)
  expect(await keeping.json()).toMatchObject({ ready: true, database })
  await killed.gone()
  await endInOrder(keeping, 'the end of the program that started it')
})

/** The folder in the system's one for temporary files that belongs to a run. */
function temporaryOf(program: Program): string {
  const [, folder = 'none'] = /--mongodb-uri-file=(\S+)\/writer\//.exec(commandOfWriter(program)) ?? []
  return folder
}

const commandOfWriter = (program: Program): string =>
  Program.commandOf(memberOf(program, /--mongodb-uri-file=\S+\/writer\//))

test('a port in use ends it before anything is started, with what to do', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await using program = new Program(['dev', `--port=${port}`, '--ephemeral'])
  const { code, said, printed } = await program.outcome
  server.close()
  expect({ code, printed }).toEqual({ code: 1, printed: '' })
  expect(said).toMatch(
    new RegExp(
      `^freshet dev: PORT_TAKEN: port ${port} on 127.0.0.1, wanted for the writer, is in use\\..*--port`,
    ),
  )
})
