import { readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import { Program } from './support/program.ts'

const started = ['dev', '--json', '--port=0', '--no-sample']

/** One process of a run whose command line has these words. */
function memberOf(program: Program, words: RegExp): number {
  const pid = program.family().find((pid) => words.test(Program.commandOf(pid)))
  if (pid === undefined) throw new Error(`no process of the run matches ${words}`)
  return pid
}

const ends: Record<string, (program: Program) => void> = {
  'Ctrl-C': (program) => program.signalGroup('SIGINT'),
  'SIGINT to it alone': (program) => program.signal('SIGINT'),
  'SIGTERM to it alone': (program) => program.signal('SIGTERM'),
  'the end of the program that started it': (program) => program.disconnect(),
}

test.each(Object.entries(ends))('%s ends it in order and leaves no process behind', async (_name, end) => {
  await using program = new Program([...started, '--ephemeral'])
  await program.json()
  // Three services, the database, its watchdog, and itself.
  expect(program.family().length).toBeGreaterThanOrEqual(6)
  end(program)
  const { code, said } = await program.outcome
  // All that was ever said is where MongoDB came from.
  expect({ code, said }).toEqual({ code: 0, said: expect.stringMatching(/^MongoDB [^\n]*\n$/) })
  await program.gone()
  expect(readdirSync(join(program.cwd, '.freshet'))).toEqual([])
})

test('Ctrl-C while it starts leaves nothing behind either', async () => {
  await using program = new Program([...started, '--ephemeral'])
  await eventually(() => expect(program.said).toMatch(/^MongoDB/))
  program.family()
  program.signalGroup('SIGINT')
  const { code, printed } = await program.outcome
  expect({ code, printed }).toEqual({ code: 0, printed: '' })
  await program.gone()
})

test.each([
  ['a reader', /reader.*main\.ts/, /reader \d ended with SIGKILL: stopping everything\./],
  ['the database', /^\S*mongod /, /MongoDB ended by itself: stopping everything\./],
])('when %s dies everything stops, and it is said which one', async (_name, words, sentence) => {
  await using program = new Program([...started, '--ephemeral'])
  await program.json()
  process.kill(memberOf(program, words), 'SIGKILL')
  const { code, said } = await program.outcome
  expect({ code, said }).toEqual({ code: 1, said: expect.stringMatching(sentence) })
  await program.gone()
})

test('when it is killed itself no process stays, and the next run in its folder waits for that and goes on', async () => {
  await using program = new Program(started)
  const { database } = await program.json()
  expect(program.family().length).toBeGreaterThanOrEqual(6)
  program.signal('SIGKILL')
  await using next = new Program(started, program.cwd)
  expect(await next.json()).toMatchObject({ ready: true, database })
  await program.gone()
})

test('a port in use ends it before anything is started, with what to do', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await using program = new Program(['dev', `--port=${port}`, '--ephemeral'])
  const { code, said, printed } = await program.outcome
  server.close()
  expect({ code, printed }).toEqual({ code: 1, printed: '' })
  expect(said).toMatch(new RegExp(`^freshet dev: PORT_TAKEN: port ${port} on 127.0.0.1 is in use\\..*--port`))
})
