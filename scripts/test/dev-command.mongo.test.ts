import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { devLineOf, type DevLine } from '../../apps/cli/test/support/dev-line.ts'
import { Program } from '../../apps/cli/test/support/program.ts'
import { root } from './readme-text.ts'

/** Writes a document and reads it from every reader. @returns the statuses and the number of distinct bodies */
async function talk({ writer, readers, token }: DevLine): Promise<readonly [readonly number[], number]> {
  const authorization = `Bearer ${token}`
  const posted = await fetch(`${writer}/v1/products`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'Kettle', price: 12.5, stock: 3 }),
  })
  const headers = { authorization, 'freshet-at-least': posted.headers.get('freshet-position') ?? '' }
  const path = posted.headers.get('location') ?? ''
  const got = await Promise.all(readers.map((reader) => fetch(`${reader}${path}`, { headers })))
  const texts = await Promise.all([posted, ...got].map((answer) => answer.text()))
  return [[posted, ...got].map(({ status }) => status), new Set(texts).size]
}

interface Run {
  readonly stop: (program: Program) => void
  readonly args: readonly string[]
  readonly apps: readonly string[]
  readonly statuses: readonly number[]
  readonly processes: number
}

/** The whole system once, and a small one for the other way to stop. */
const runs: Record<string, Run> = {
  'Ctrl-C in its terminal': {
    stop: (program) => program.signalGroup('SIGINT'),
    args: [],
    apps: ['cli', 'writer', 'reader', 'delivery'],
    statuses: [201, 200, 200],
    // run.mjs, the command line, five services, the database and its watchdog.
    processes: 9,
  },
  'SIGINT to it alone': {
    stop: (program) => program.signal('SIGINT'),
    args: ['--readers=1', '--deliveries=0'],
    apps: ['cli', 'writer', 'reader'],
    statuses: [201, 200],
    processes: 6,
  },
}

test.each(Object.entries(runs))(
  'the README command runs the build, prints one line, serves requests, and stops after %s',
  async (_name, { stop, args, apps, statuses, processes }) => {
    const program = [join(root, 'scripts/run.mjs')]
    await using dev = new Program(['dev', '--json', '--port=0', '--ephemeral', ...args], root, { program })
    const line = await dev.json()
    expect(line).toMatchObject({ ready: true })
    expect(await talk(devLineOf(line))).toEqual([statuses, 1])
    const commands = dev.family().map((pid) => Program.commandOf(pid))
    for (const built of apps)
      expect(commands).toContainEqual(expect.stringMatching(new RegExp(`apps/${built}/dist/main\\.js `)))
    expect(commands.length).toBeGreaterThanOrEqual(processes)
    stop(dev)
    const { code, printed } = await dev.outcome
    expect({ code, printed }).toEqual({ code: 0, printed: `${JSON.stringify(line)}\n` })
    await dev.gone()
  },
)
