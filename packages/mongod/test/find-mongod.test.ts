import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { firstThatRuns, searchSteps } from '../src/find-mongod.ts'
import { cacheFolder } from '../src/cache-folder.ts'
import { assertListening } from '../src/listening.ts'

const folder = await mkdtemp(join(tmpdir(), 'freshet-find-'))
afterAll(() => rm(folder, { recursive: true, force: true }))

const said: string[] = []
const log = { debug() {}, info: (_: object, text: string) => void said.push(text), warn() {}, error() {} }

/** A script that answers `--version` like a mongod of that version. */
async function program(name: string, version: string): Promise<string> {
  const file = join(folder, name)
  await writeFile(file, `#!/bin/sh\necho 'db version v${version}'\n`)
  await chmod(file, 0o755)
  return file
}

const step = (name: string, find: () => Promise<string | undefined>) => ({ name, find })

test('the first mongod that runs and is recent enough is used; later steps are skipped', async () => {
  const old = await program('old', '5.0.9')
  const good = await program('good', '6.0.9')
  const never = step('never', () => Promise.reject(new Error('was asked')))
  const found = await firstThatRuns(
    [
      step('empty', async () => undefined),
      step('missing', async () => join(folder, 'missing')),
      step('old', async () => old),
      { ...step('good', async () => good), announce: 'Looking there' },
      never,
    ],
    log,
  )
  expect(found).toEqual({ binary: good, version: '6.0.9', origin: 'good' })
  expect(said).toEqual(['Looking there'])
})

test('if nothing is found, the error lists every place with its reason, and a remedy', async () => {
  const old = await program('old', '5.0.9')
  const steps = [
    step('empty', async () => undefined),
    step('old', async () => old),
    step('away', () => Promise.reject(new Error('no answer'))),
  ]
  const search = firstThatRuns(steps, log)
  await expect(search).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(search).rejects.toThrow(
    /empty: not found\n {2}old: .*5\.0\.9; expected 6\.0 or newer\n {2}away: no answer\n.*MONGOMS_SYSTEM_BINARY/,
  )
})

test('an explicitly configured mongod is used or the search fails', async () => {
  const good = await program('good', '6.0.9')
  const named = { ...step('VARIABLE', async () => join(folder, 'missing')), configured: true }
  const search = firstThatRuns([named, step('good', async () => good)], log)
  await expect(search).rejects.toThrow(/^NAMED_NOT_RUN: VARIABLE: .*missing.* Correct the variable/)
  const unset = { ...step('VARIABLE', async () => undefined), configured: true }
  expect(await firstThatRuns([unset, step('good', async () => good)], log)).toMatchObject({ binary: good })
  const [first] = await searchSteps({ XDG_CACHE_HOME: folder, MONGOMS_SYSTEM_BINARY: 'x', PATH: '' })
  expect(first?.configured).toBe(true)
})

test('configured and installed programs come first, downloads last', async () => {
  const named = await program('named', '7.0.1')
  const env = { XDG_CACHE_HOME: folder, MONGOMS_SYSTEM_BINARY: named, PATH: '' }
  const [byName, onPath, ...others] = await searchSteps(env)
  expect(await byName?.find()).toBe(named)
  expect(await onPath?.find()).toBe(undefined)
  expect(others.map(({ announce }) => announce !== undefined)).toEqual([false, false, true, true])
  expect(cacheFolder(env)).toBe(join(folder, 'freshet', 'mongod'))
})

test('an unreachable host fails fast and is named', async () => {
  await expect(assertListening('127.0.0.1', 1, 5_000)).rejects.toThrow('127.0.0.1 cannot be reached')
})
