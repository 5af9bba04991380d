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

/** A small program that answers `--version` the way a mongod of that version does. */
async function program(name: string, version: string): Promise<string> {
  const file = join(folder, name)
  await writeFile(file, `#!/bin/sh\necho 'db version v${version}'\n`)
  await chmod(file, 0o755)
  return file
}

const step = (name: string, find: () => Promise<string | undefined>) => ({ name, find })

test('the first program that runs and is new enough wins; the later steps are not asked', async () => {
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

test('when nothing is found the error lists every place with its reason, and what to do', async () => {
  const old = await program('old', '5.0.9')
  const steps = [
    step('empty', async () => undefined),
    step('old', async () => old),
    step('away', () => Promise.reject(new Error('no answer'))),
  ]
  const search = firstThatRuns(steps, log)
  await expect(search).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(search).rejects.toThrow(
    /empty: nothing there\n {2}old: .*5\.0\.9, wanted 6\.0 or newer\n {2}away: no answer\n.*MONGOMS_SYSTEM_BINARY/,
  )
})

test('a program that somebody named is taken or refused: no other is taken in its place', async () => {
  const good = await program('good', '6.0.9')
  const named = { ...step('VARIABLE', async () => join(folder, 'missing')), named: true }
  const search = firstThatRuns([named, step('good', async () => good)], log)
  await expect(search).rejects.toThrow(/^NAMED_NOT_RUN: VARIABLE: .*missing.* Correct the variable/)
  const unset = { ...step('VARIABLE', async () => undefined), named: true }
  expect(await firstThatRuns([unset, step('good', async () => good)], log)).toMatchObject({ binary: good })
  const [first] = await searchSteps({ XDG_CACHE_HOME: folder, MONGOMS_SYSTEM_BINARY: 'x', PATH: '' })
  expect(first?.named).toBe(true)
})

test('the chain begins with what the person named and what is installed, and ends with the downloads', async () => {
  const named = await program('named', '7.0.1')
  const env = { XDG_CACHE_HOME: folder, MONGOMS_SYSTEM_BINARY: named, PATH: '' }
  const [byName, onPath, ...others] = await searchSteps(env)
  expect(await byName?.find()).toBe(named)
  expect(await onPath?.find()).toBe(undefined)
  expect(others.map(({ announce }) => announce !== undefined)).toEqual([false, false, true, true])
  expect(cacheFolder(env)).toBe(join(folder, 'freshet', 'mongod'))
})

test('a host that does not answer fails fast and is named', async () => {
  await expect(assertListening('127.0.0.1', 1, 5_000)).rejects.toThrow('127.0.0.1 cannot be reached')
})
