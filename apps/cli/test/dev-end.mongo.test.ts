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

const ends = {
  'Ctrl-C': (program) => program.signalGroup('SIGINT'),
  'SIGINT to it alone': (program) => program.signal('SIGINT'),
  'SIGTERM to it alone': (program) => program.signal('SIGTERM'),
  'the end of the program that started it': (program) => program.disconnect(),
} satisfies Record<string, (program: Program) => void>

/** It ends in order, and leaves no process behind. `before`: lines that it said between its start and its end. */
async function endInOrder(program: Program, end: keyof typeof ends, ...before: unknown[]): Promise<void> {
  expect(program.family().length).toBeGreaterThanOrEqual(PROCESSES)
  ends[end](program)
  const { code, said } = await program.outcome
  // All that was ever said is where MongoDB came from, and that it ends.
  const lines = [
    expect.stringMatching(/^MongoDB /),
    ...before,
    expect.stringMatching(/^Stopping …(?:; the data stays in \S+\.)?$/),
    '',
  ]
  expect({ code, said: said.split('\n') }).toEqual({ code: 0, said: lines })
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

test.each([
  [
    'a reader',
    /reader.*main\.ts/,
    /reader \d ended with SIGKILL: stopping everything\. Its log is \S+reader-\d\.log\./,
  ],
  ['the database', /^\S*mongod /, /MongoDB ended by itself: stopping everything\./],
])('when %s dies everything stops, and it is said which one', async (_name, words, sentence) => {
  await using program = new Program([...started, '--ephemeral'], undefined, apart)
  await program.json()
  process.kill(memberOf(program, words), 'SIGKILL')
  const { code, said } = await program.outcome
  expect({ code, said }).toEqual({ code: 1, said: expect.stringMatching(sentence) })
  await program.gone()
  // The log that is named is there, although the data is gone.
  const [, log] = /Its log is (\S+)\.$/m.exec(said) ?? []
  if (log === undefined) return
  expect(readFileSync(log, 'utf8')).toContain('listening')
  expect(readdirSync(join(log, '../..')).sort()).toEqual(['lock', 'logs'])
})

test('what an ephemeral run that is killed leaves is gone when the next run has started; others end in order', async () => {
  await using program = new Program([...started, '--ephemeral'], undefined, apart)
  await program.json()
  program.family()
  const folder = temporaryOf(program)
  expect(readdirSync(folder)).toEqual(expect.arrayContaining(['data', 'token-key']))
  program.signal('SIGKILL')
  await program.gone()
  expect(existsSync(folder)).toBe(true)
  await using next = new Program([...started, '--ephemeral'], undefined, apart)
  await next.json()
  expect(existsSync(folder)).toBe(false)
  // Of one that goes on nothing is taken.
  await using other = new Program([...started, '--ephemeral'], undefined, apart)
  await other.json()
  expect(existsSync(join(temporaryOf(next), 'token-key'))).toBe(true)
  await endInOrder(next, 'Ctrl-C')
  expect(readdirSync(join(next.cwd, '.freshet'))).toEqual(['running.lock'])
  await endInOrder(other, 'the end of the program that started it')
  expect(readdirSync(join(other.cwd, '.freshet'))).toEqual(['running.lock'])
})

test('a second run in the same folder leaves the files of the first alone, and a run that was killed counts as none', async () => {
  await using first = new Program([...started, '--ephemeral'])
  const { token } = await first.json()
  const state = (name: string): string => join(first.cwd, '.freshet', name)
  const running = readFileSync(state('running.json'), 'utf8')
  {
    await using second = new Program([...started, '--ephemeral'], first.cwd)
    await second.json()
    const another = 'Another run goes on in this folder: the files in .freshet/ stay its own.'
    await endInOrder(second, 'SIGTERM to it alone', another)
  }
  expect(readFileSync(state('token'), 'utf8')).toBe(token)
  expect(readFileSync(state('running.json'), 'utf8')).toBe(running)
  first.family()
  first.signal('SIGKILL')
  await first.gone()
  expect(existsSync(state('running.json'))).toBe(true)
  await using audit = new Program(['audit'], first.cwd)
  expect(await audit.outcome).toMatchObject({ code: 78, said: expect.stringContaining('NO_RUN') })
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
  const first = keeping
  const { database } = await first.json()
  const second = new Program(started, folder)
  await eventually(() =>
    expect(second.said).toMatch(/^Another run keeps its data in .*: waiting up to 10 s for it to end\.$/m),
  )
  keeping = second
  await using third = new Program(started, folder)
  await eventually(() => expect(third.said).toContain('Another run keeps its data in'))
  third.signal('SIGINT')
  expect(await third.outcome).toMatchObject({ code: 0, printed: '' })
  await endInOrder(first, 'SIGINT to it alone', expect.stringMatching(cutOff))
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

test('when it is killed itself no process stays, and the next run in its folder waits for that and goes on', async () => {
  const killed = keeping
  const { database } = await killed.json()
  expect(killed.family().length).toBeGreaterThanOrEqual(PROCESSES)
  killed.signal('SIGKILL')
  keeping = new Program(started, folder)
  expect(await keeping.json()).toMatchObject({ ready: true, database })
  await killed.gone()
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
