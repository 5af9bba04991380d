import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import { devLineOf } from './support/dev-line.ts'
import { hasPidNamespaces, inPidNamespace } from './support/pid-namespace.ts'
import { Program } from './support/program.ts'

const started = ['dev', '--json', '--port=0', '--readers=1', '--deliveries=0']
const ephemeral = [...started, '--no-sample', '--ephemeral']
const inNamespaces = hasPidNamespaces() ? test : test.skip
const within = inPidNamespace()

/** The data directory shared by successive runs. */
const folder = mkdtempSync(join(tmpdir(), 'freshet-again-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Kills the first process of a namespace and thereby all others, like `docker kill`. */
async function killNamespace(program: Program): Promise<void> {
  expect(program.family().length).toBeGreaterThanOrEqual(5)
  program.signal('SIGKILL')
  await program.gone()
}

inNamespaces(
  'a container is killed during its first start and again later: it recovers although all process ids are the same as before',
  async () => {
    const file = (name: string): string => join(folder, '.freshet', name)
    // Left by a first start that was killed when process ids were the same: 1 is the run itself.
    mkdirSync(file('data'), { recursive: true })
    writeFileSync(file('data/WiredTiger'), 'half')
    writeFileSync(file('data/mongod.lock'), '1\n')
    await using first = new Program(started, folder, { within })
    const { token, database } = await first.json()
    expect(first.said).toContain('was not completed: starting over.')
    const before = readFileSync(file('running.json'), 'utf8')
    await killNamespace(first)
    expect(readFileSync(file('running.json'), 'utf8')).toBe(before)

    await using second = new Program(started, folder, { within })
    const line = await second.json()
    expect(line).toMatchObject({ ready: true, database })
    expect(second.said).not.toContain('Another run')
    expect(readFileSync(file('token'), 'utf8')).toBe(line['token'])
    expect(line['token']).not.toBe(token)
    // Other commands find this run from any namespace.
    await using audit = new Program(['audit', '--for=1s', '--json'], folder)
    expect(await audit.outcome).toMatchObject({ code: 0, said: '' })
    await killNamespace(second)
    await using late = new Program(['audit'], folder, { within })
    expect(await late.outcome).toMatchObject({ code: 78, said: expect.stringContaining('NO_RUN') })
  },
)

inNamespaces(
  'runs of several containers that share a temporary directory do not affect each other',
  async () => {
    // A process id that does not occur in the others.
    await using first = new Program(ephemeral, undefined, { within: inPidNamespace(400) })
    const { readers } = devLineOf(await first.json())
    const going = temporaryOf(first)
    await using second = new Program(ephemeral, undefined, { within })
    await second.json()
    expect(existsSync(join(going, 'token-key'))).toBe(true)
    // The next run removes the files of a killed run, but not those of an active one.
    const killed = temporaryOf(second)
    await killNamespace(second)
    await using third = new Program(ephemeral)
    await third.json()
    expect([existsSync(join(going, 'token-key')), existsSync(killed)]).toEqual([true, false])
    const asked = `${readers[0]}/v1/products/none`
    await eventually(async () => expect((await fetch(asked)).status).toBe(404))
  },
)

/** The temporary directory of a run. */
function temporaryOf(program: Program): string {
  const commands = program.family().map((pid) => Program.commandOf(pid))
  return /--mongodb-uri-file=(\S+)\/writer\//.exec(commands.join('\n'))?.[1] ?? 'none'
}
