import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import { Clone } from './support/clone.ts'
import { Family } from './support/family.ts'
import { Program } from './support/program.ts'

test('when npm is killed, a run still shuts down gracefully and keeps its data', async () => {
  using clone = new Clone()
  const lean = ['--no-sample', '--readers=1', '--deliveries=0']
  const { shell, printed, code } = clone.run('dev', '--json', '--port=0', ...lean)
  await eventually(() => expect(printed.text).toContain('"ready":true'))
  using family = new Family(shell.pid ?? 0)
  expect(family.running().length).toBeGreaterThanOrEqual(6)
  // It is killed after some seconds, so a graceful shutdown takes longer than the poll interval for npm.
  const slow = family.running().find((pid) => /reader.*main\.[jt]s/.test(Program.commandOf(pid))) ?? 0
  process.kill(slow, 'SIGSTOP')
  shell.kill('SIGKILL')
  await code
  await eventually(() => expect(family.running()).toEqual([]))
  // The last thing that a graceful shutdown deletes.
  expect(existsSync(join(clone.folder, '.freshet', 'running.json'))).toBe(false)
})

test('a Node.js version that is too old is reported before anything else', async () => {
  using clone = new Clone()
  clone.write('package.json', JSON.stringify({ packageManager: 'pnpm@1', engines: { node: '>=99.1' } }))
  const { said, code } = clone.run('dev')
  expect(await code).toBe(1)
  expect(said.text).toMatch(
    /^Freshet needs Node.js >=99\.1; \S+ is \d+\.\d+\.\d+\. Install a newer version\.\n$/,
  )
})

test('tests contact local services directly, whatever proxy the shell has', async () => {
  using clone = new Clone()
  mkdirSync(join(clone.folder, 'node_modules/jest/bin'), { recursive: true })
  clone.write('node_modules/jest/bin/jest.js', 'console.log(process.env.no_proxy, process.env.NO_PROXY)\n')
  const { code, printed } = clone.run('test')
  expect(await code).toBe(0)
  const [lower = '', upper = ''] = printed.text.trim().split(' ')
  for (const hosts of [lower, upper])
    expect(hosts.split(',')).toEqual(expect.arrayContaining(['127.0.0.1', '::1', 'localhost']))
})

test('build output is printed only if the build fails', async () => {
  using clone = new Clone()
  clone.write('node_modules/.bin/turbo', '#!/bin/sh\necho "it was built"\n')
  const good = clone.run('freshet', 'dev', '--help')
  expect([await good.code, good.said.text]).toEqual([0, ''])
  expect(good.printed.text).toContain('freshet dev [options]')
  clone.write('node_modules/.bin/turbo', '#!/bin/sh\necho "a file is wrong"\nexit 3\n')
  const bad = clone.run('dev')
  expect(await bad.code).toBe(3)
  expect(bad.said.text).toBe('a file is wrong\nBuilding: failed with exit code 3.\n')
})

test('the message for a slow build is true even if there is nothing to build', async () => {
  using clone = new Clone()
  clone.write('node_modules/.bin/turbo', '#!/bin/sh\nsleep 3\n')
  const { code, said } = clone.run('freshet', '--version')
  expect([await code, said.text]).toEqual([0, 'Building what has changed …\n'])
})

test('a flag consumed by npm is reported, and nothing is started', async () => {
  using clone = new Clone()
  const { code, said } = clone.runWith({ npm_config_ephemeral: 'true' }, 'dev')
  expect(await code).toBe(78)
  expect(said.text).toMatch(/^freshet dev: npm consumed --ephemeral; .* npm run dev -- --ephemeral\.$/m)
})
