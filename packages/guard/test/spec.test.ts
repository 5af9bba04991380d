import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import * as guard from '../src/index.ts'

const sorted = (values: Iterable<string | undefined>): readonly unknown[] =>
  [...values].map(String).toSorted((a, b) => (a < b ? -1 : 1))
const here = import.meta.dirname

test('every promise of SPEC.md has a test, and every numbered test a promise', async () => {
  const spec = await readFile(`${here}/../SPEC.md`, 'utf8')
  const promised = new Set([...spec.matchAll(/\*\*((?:G\d|T|R|I)\.\d+)\*\*/g)].map(([, number]) => number))
  const sources = await Promise.all((await testFiles()).map((file) => readFile(file, 'utf8')))
  const names = sources.flatMap((source) =>
    [...source.matchAll(/(?:test|\))\(\s*['"`]([^\n]*)/g)].map(([, name]) => name ?? ''),
  )
  const held = new Set(
    names.flatMap((name) => /^((?:(?:G\d|T|R|I)\.\d+ )+)/.exec(name)?.[1]?.trim().split(' ') ?? []),
  )
  expect(sorted(held)).toEqual(sorted(promised))
  expect(promised.size).toBeGreaterThan(25)
})

/** Layers are held by tests all over the repository: some belong to the writer, to an example, to the manifests. */
async function testFiles(): Promise<readonly string[]> {
  const root = join(here, '../../..')
  const folders = await Promise.all(
    ['packages', 'apps', 'infra', 'examples'].map(async (parent) =>
      (await readdir(join(root, parent))).map((name) => join(root, parent, name, 'test')),
    ),
  )
  const files = folders.flat().map(async (folder) => {
    const names = await readdir(folder, { recursive: true }).catch(() => [])
    return names.filter((name) => name.endsWith('.test.ts')).map((name) => join(folder, name))
  })
  return (await Promise.all(files)).flat()
}

test('the table of errors in SPEC.md says what the code says', async () => {
  const spec = await readFile(`${here}/../SPEC.md`, 'utf8')
  const rows = [...spec.matchAll(/^\| `(\w+)` +\| (yes|no) +\| (\d+) +\|/gm)].map(
    ([, code, retry, exit]) => `${code} ${retry} ${exit}`,
  )
  const table = Object.entries(guard.failures).map(
    ([code, { retry, exitCode }]) => `${code} ${retry ? 'yes' : 'no'} ${exitCode}`,
  )
  expect(sorted(rows)).toEqual(sorted(table))
})

test('an error knows its remedy, whether to retry, and how a process ends by it', () => {
  const error = new guard.GuardError('UNREACHABLE', 'no primary', { cause: 'x' })
  expect(error).toMatchObject({
    name: 'GuardError',
    message: 'UNREACHABLE: no primary',
    retry: true,
    exitCode: 69,
    cause: 'x',
  })
  expect(error.remedy).toBe(guard.failures.UNREACHABLE.remedy)
})

test('the package offers these names and no others', () => {
  expect(Object.keys(guard).toSorted()).toEqual([
    'Binary',
    'ChangeHandlers',
    'GuardError',
    'Long',
    'ObjectId',
    'Timestamp',
    'UUID',
    'examine',
    'failures',
    'handlerMetrics',
    'lineageHeaders',
    'onlyReads',
    'openReadConnection',
    'parseDocument',
    'parseDocumentToKeep',
    'readDatabase',
    'serverOf',
    'watchWrites',
  ])
})
