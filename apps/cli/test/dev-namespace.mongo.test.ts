import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import { devLineOf } from './support/dev-line.ts'
import { hasPidNamespaces, inPidNamespace } from './support/pid-namespace.ts'
import { Program } from './support/program.ts'

const started = ['dev', '--json', '--port=0', '--readers=1']
const inNamespaces = hasPidNamespaces() ? test : test.skip
const within = inPidNamespace()

/** Ends the first process of a namespace, and with it all, as `docker kill` does. */
async function killNamespace(program: Program): Promise<void> {
  expect(program.family().length).toBeGreaterThanOrEqual(5)
  program.signal('SIGKILL')
  await program.gone()
}

inNamespaces(
  'in a container that is killed and started again, where every process has the id that it had before, it goes on',
  async () => {
    await using first = new Program(started, undefined, { within })
    const { token, database } = await first.json()
    const file = (name: string): string => join(first.cwd, '.freshet', name)
    const before = readFileSync(file('running.json'), 'utf8')
    await killNamespace(first)
    expect(readFileSync(file('running.json'), 'utf8')).toBe(before)

    await using second = new Program(started, first.cwd, { within })
    const line = await second.json()
    expect(line).toMatchObject({ ready: true, database })
    expect(second.said).not.toContain('Another run')
    expect(readFileSync(file('token'), 'utf8')).toBe(line['token'])
    expect(line['token']).not.toBe(token)
    // The other commands speak to this run, in whatever namespace they are.
    await using audit = new Program(['audit', '--for=1s', '--json'], first.cwd)
    expect(await audit.outcome).toMatchObject({ code: 0, said: '' })
    await killNamespace(second)
    await using late = new Program(['audit'], first.cwd, { within })
    expect(await late.outcome).toMatchObject({ code: 78, said: expect.stringContaining('NO_RUN') })
  },
)

inNamespaces(
  'a first start that was killed is made anew, though the ids that it left are taken',
  async () => {
    await using other = new Program(['token'])
    await other.outcome
    const data = join(other.cwd, '.freshet', 'data')
    mkdirSync(data, { recursive: true })
    writeFileSync(join(data, 'WiredTiger'), 'half')
    // The first process of the namespace, which is the run itself.
    writeFileSync(join(data, 'mongod.lock'), '1\n')
    await using next = new Program(started, other.cwd, { within })
    expect(await next.json()).toMatchObject({ ready: true })
    expect(next.said).toContain('of a first start that was cut off: making it anew.')
  },
)

inNamespaces(
  'runs of several containers that share the folder for temporary files leave each other alone',
  async () => {
    // An id that the others do not have.
    await using first = new Program([...started, '--ephemeral'], undefined, { within: inPidNamespace(400) })
    const { readers } = devLineOf(await first.json())
    const folder = temporaryOf(first)
    await using second = new Program([...started, '--ephemeral'], undefined, { within })
    await second.json()
    await using third = new Program([...started, '--ephemeral'])
    await third.json()
    expect(existsSync(join(folder, 'token-key'))).toBe(true)
    const asked = `${readers[0]}/v1/products/lamp-oak`
    await eventually(async () => expect((await fetch(asked)).status).toBe(200))
    // One that was killed is cleared away by whoever comes next.
    const killed = temporaryOf(second)
    await killNamespace(second)
    await using fourth = new Program([...started, '--ephemeral'])
    await fourth.json()
    expect([existsSync(folder), existsSync(killed)]).toEqual([true, false])
  },
)

/** The folder in the system's one for temporary files that belongs to a run. */
function temporaryOf(program: Program): string {
  const commands = program.family().map((pid) => Program.commandOf(pid))
  return /--mongodb-uri-file=(\S+)\/writer\//.exec(commands.join('\n'))?.[1] ?? 'none'
}
