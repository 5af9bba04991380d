import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from '@jest/globals'
import { bytes } from '@freshet/kit'
import { eventually, fromSource } from '@freshet/testkit'
import { heapFlagsOf, startWithHeap, type StartingProcess } from '../src/start.ts'

const rule = {
  options: [bytes('cache-size', 2 ** 27, 'For the test.')],
  heapBytes: ([size = 0]: readonly number[]) => 2 * size,
}
const noFile = (): string => {
  throw new Error('no file')
}

test.each<[string, Partial<Parameters<typeof heapFlagsOf>[1]>, number | undefined]>([
  ['the default', {}, 256],
  ['a flag', { argv: ['--x', '--cache-size', '1GiB', 'y'] }, 2_048],
  ['a flag with =', { argv: ['--cache-size=1GiB'], env: { FRESHET_CACHE_SIZE: '2GiB' } }, 2_048],
  ['a variable', { env: { FRESHET_CACHE_SIZE: '2GiB' } }, 4_096],
  ['a file', { argv: ['--config=a'], readFile: () => '{"cache-size":"3GiB","other":1}' }, 6_144],
  ['a file that cannot be read', { argv: ['--config=a'] }, 256],
  ['a file that is not JSON', { env: { FRESHET_CONFIG: 'a' }, readFile: () => '{' }, 256],
  ['an invalid value', { argv: ['--cache-size=much'] }, undefined],
])('S16 the heap follows from the options: %s', (_, from, heapMiB) => {
  const flags = heapFlagsOf(rule, { argv: [], env: {}, readFile: noFile, ...from })
  expect(flags).toEqual(
    heapMiB === undefined ? [] : [`--max-old-space-size=${heapMiB}`, '--max-semi-space-size=16'],
  )
})

/** What `startWithHeap` does with a process: `run`, or the arguments of `execve`. */
async function started(host: Partial<StartingProcess>): Promise<unknown> {
  let outcome: unknown
  const execve = (...[file, args]: readonly unknown[]) => (outcome = [file, args])
  const fake = { argv: ['node', 'main.js'], execArgv: ['--a'], execPath: '/node', env: {} }
  const rest = { on: () => undefined, exit: () => undefined }
  await startWithHeap(rule, { ...fake, ...rest, execve, ...host }, async () => void (outcome = 'run'))
  return outcome
}

test('S16 the process is replaced where Node.js can do that, and starts with the same arguments', async () => {
  expect(await started({ argv: ['node', 'main.js', '--cache-size=1GiB'] })).toEqual([
    '/node',
    ['/node', '--a', '--max-old-space-size=2048', '--max-semi-space-size=16', 'main.js', '--cache-size=1GiB'],
  ])
})

test.each<[string, Partial<StartingProcess>]>([
  ['on the command line', { execArgv: ['--max-old-space-size=100'] }],
  ['in NODE_OPTIONS', { env: { NODE_OPTIONS: '--enable-source-maps --max_old_space_size=100' } }],
  ['in percent', { execArgv: ['--max-old-space-size-percentage=50'] }],
])('S16 a limit %s is left alone', async (_, host) => {
  expect(await started(host)).toBe('run')
})

test('S16 help and invalid values are left to the service', async () => {
  expect(await started({ argv: ['node', 'main.js', '--help'] })).toBe('run')
  expect(await started({ argv: ['node', 'main.js', '--cache-size=much'] })).toBe('run')
})

/** A program that starts itself again in a child process, as under Node.js 20, and the first line of that. */
async function startFixture() {
  const main = join(import.meta.dirname, 'fixtures/with-heap.ts')
  const parent = spawn(
    process.execPath,
    ['--import=data:text/javascript,delete process.execve', ...fromSource, main, '--cache-size=100MiB'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  for await (const line of createInterface({ input: parent.stdout }))
    return { parent, first: JSON.parse(line) }
  throw new Error('it printed nothing')
}

test('S16 with an older Node.js, a child process has the heap, and signals and exit codes pass through', async () => {
  const { parent, first } = await startFixture()
  expect(first).toMatchObject({ words: ['--cache-size=100MiB'] })
  expect(first.execArgv).toContain('--max-old-space-size=200')
  expect(first.heapMiB).toBeGreaterThanOrEqual(200)
  expect(first.heapMiB).toBeLessThan(500)
  expect(first.pid).not.toBe(parent.pid)
  parent.kill('SIGTERM')
  expect(await once(parent, 'exit')).toEqual([7, null])
})

test('S16 the child process ends with a parent that is killed', async () => {
  const { parent, first } = await startFixture()
  parent.kill('SIGKILL')
  await once(parent, 'exit')
  await eventually(() => expect(existsSync(`/proc/${first.pid}`)).toBe(false))
})
