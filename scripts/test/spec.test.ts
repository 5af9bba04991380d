import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'

const root = join(import.meta.dirname, '..', '..')

/** The contents of all files with this suffix in a directory, at any depth. */
async function textsIn(folder: string, suffix: string): Promise<readonly string[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => [])
  return await Promise.all(
    names.filter((name) => name.endsWith(suffix)).map((name) => readFile(join(folder, name), 'utf8')),
  )
}

const numbersIn = (texts: readonly string[], pattern: RegExp): readonly string[] =>
  [
    ...new Set(texts.flatMap((text) => [...text.matchAll(pattern)].map(([, number]) => number ?? ''))),
  ].toSorted()

const promisesOf = async (name: string): Promise<readonly string[]> =>
  numbersIn([await readFile(join(root, 'packages', name, 'SPEC.md'), 'utf8')], /^\| ([A-Z]\d+) +\|/gm)

/** Packages whose tests also enforce the promises of another package. */
const keeps: Readonly<Record<string, string>> = {
  'change-stream-mongodb': 'change-stream',
  'change-stream-postgres': 'change-stream',
  'change-stream-log': 'change-stream',
}

test.each([
  'cache',
  'change-stream',
  'change-stream-mongodb',
  'change-stream-log',
  'change-stream-postgres',
  'documents',
  'documents-mongodb',
  'documents-postgres',
  'postgres-client',
  'replica',
  'service',
])(
  'every promise in the SPEC.md of %s has a test with its number, and every numbered test a promise',
  async (name) => {
    const folder = join(root, 'packages', name)
    const promised = await promisesOf(name)
    const kept = keeps[name] === undefined ? [] : await promisesOf(keeps[name])
    const tests = [
      ...(await textsIn(join(folder, 'test'), '.ts')),
      ...(await textsIn(join(folder, 'src', 'conformance'), '.ts')),
    ]
    const held = numbersIn(tests, /(?:test\(|\)\(|\[)\s*['"`]([A-Z]\d+) /g)
    expect(held.filter((number) => !kept.includes(number))).toEqual(promised)
    expect(promised.length).toBeGreaterThan(3)
  },
)

test.each([
  ['writer', '[WM]'],
  ['delivery', '[AD]'],
  ['reader', 'H'],
])(
  'every promise in the SPEC.md of the app %s has a test with its number, and every numbered test a promise',
  async (name, letter) => {
    const folder = join(root, 'apps', name)
    const promised = numbersIn([await readFile(join(folder, 'SPEC.md'), 'utf8')], /^\| ([A-Z]\d+) +\|/gm)
    const tests = await textsIn(join(folder, 'test'), '.ts')
    const held = numbersIn(tests, new RegExp(`(?:test\\(|\\)\\()\\s*['"\`](${letter}\\d+) `, 'g'))
    expect(held).toEqual(promised)
    expect(promised.length).toBeGreaterThan(3)
  },
)

/** Promises about layers: some are enforced by the writer, an example or the manifests. */
test('every numbered promise of guard and handlers has a test somewhere, and every numbered test a promise', async () => {
  const promisedBy = async (name: string): Promise<readonly string[]> =>
    numbersIn(
      [await readFile(join(root, 'packages', name, 'SPEC.md'), 'utf8')],
      /^(?:- \*\*|\| )((?:G\d|T|R|I)\.\d+)\b/gm,
    )
  const promised = [...(await promisedBy('guard')), ...(await promisedBy('handlers'))]
  expect(promised.length).toBeGreaterThan(40)
  const folders = await Promise.all(
    ['packages', 'apps', 'infra', 'examples'].map(async (parent) =>
      (await readdir(join(root, parent))).map((name) => join(root, parent, name, 'test')),
    ),
  )
  const tests = await Promise.all(folders.flat().map((folder) => textsIn(folder, '.test.ts')))
  const names = tests
    .flat()
    .flatMap((text) => [...text.matchAll(/(?:test|\))\(\s*['"`]([^\n]*)/g)].map(([, name]) => name ?? ''))
  const held = names.flatMap((name) => /^((?:(?:G\d|T|R|I)\.\d+ )+)/.exec(name)?.[1]?.trim().split(' ') ?? [])
  expect([...new Set(held)].toSorted()).toEqual(promised.toSorted())
})

test.each([
  'packages/cache',
  'packages/change-stream',
  'packages/change-stream-mongodb',
  'packages/change-stream-log',
  'packages/change-stream-postgres',
  'packages/documents',
  'packages/documents-mongodb',
  'packages/documents-postgres',
  'packages/embed',
  'packages/replica',
  'packages/guard',
  'packages/handlers',
  'packages/service',
  'apps/writer',
  'apps/delivery',
  'apps/reader',
])('the SPEC.md of %s names only files that exist', async (name) => {
  const folder = join(root, name)
  const spec = await readFile(join(folder, 'SPEC.md'), 'utf8')
  const named = numbersIn([spec], /`(test\/[\w./-]+\.ts)`/g)
  const files = new Set(
    (await readdir(folder, { recursive: true })).map((file) => file.replaceAll('\\', '/')),
  )
  expect(named.filter((file) => !files.has(file))).toEqual([])
})
