import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'

const root = join(import.meta.dirname, '../../..')

/** Runs one fixture file with the configuration of all tests. */
async function runFixture(name: string): Promise<string> {
  const jest = join(root, 'node_modules/jest/bin/jest.js')
  const args = [
    '--verbose',
    '--testMatch',
    `**/test/fixtures/${name}.ts`,
    '--roots',
    join(root, 'packages/testkit'),
  ]
  const child = spawn(process.execPath, ['--experimental-vm-modules', jest, ...args], { cwd: root })
  let printed = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  await new Promise((resolve) => child.once('close', resolve))
  return printed
}

test('an unhandled rejection fails the test that caused it, and no other', async () => {
  const printed = await runFixture('left-alone')
  expect(printed).toMatch(/✕ leaves a rejection unhandled\b(?! after)/)
  expect(printed).toMatch(/✕ leaves a rejection unhandled after the test/)
  expect(printed).toMatch(/✓ awaits a rejection late, but in time/)
})
