import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, normalize, relative } from 'node:path'
import { expect, test } from '@jest/globals'
import { attacks } from '../attacks.ts'
import { forbidden, honest } from './forbidden.ts'
import { readersImports, readersSide, refusedIn } from './imports.ts'

const root = join(import.meta.dirname, '../../../..')

test.each(Object.entries(forbidden))('G2.1 it is refused: %s', async (_, source) => {
  expect(await refusedIn(source, readersImports)).not.toEqual([])
})

test.each(Object.entries(honest))('G2.1 it is let pass: %s', async (_, source) => {
  expect(await refusedIn(source, readersImports)).toEqual([])
})

test('G2.1 there are more than 25 forbidden ways, and each is another one', () => {
  expect(Object.keys(forbidden).length).toBeGreaterThan(25)
  expect(new Set(Object.values(forbidden)).size).toBe(Object.keys(forbidden).length)
})

test('G2.2 no file on the reader’s side has anything that is refused', async () => {
  const found: string[] = []
  let files = 0
  for (const side of readersSide) {
    const source = join(root, side, 'src')
    const names = await readdir(source, { recursive: true }).catch(() => [])
    for (const name of names.filter((file) => file.endsWith('.ts'))) {
      const file = join(source, name)
      const inFolder = (path: string): boolean =>
        !relative(source, normalize(join(dirname(file), path))).startsWith('..')
      const refused = await refusedIn(await readFile(file, 'utf8'), readersImports, inFolder)
      found.push(...refused.map((what) => `${side}/src/${name}: ${what}`))
      files += 1
    }
  }
  expect(found).toEqual([])
  expect(files).toBeGreaterThan(60)
})

test('G2.3 every attack needs something that a reader cannot import or name', async () => {
  const free: string[] = []
  for (const { name, needs } of attacks) {
    const refused = await Promise.all(needs.map((line) => refusedIn(line, readersImports)))
    if (!refused.some((found) => found.length > 0)) free.push(name)
  }
  expect(free).toEqual([])
})

test('G2.1 negative control: with a list that has it, the driver is let pass', async () => {
  const loose = new Set([...readersImports, 'mongodb'])
  expect(await refusedIn(`import { MongoClient } from 'mongodb'`, loose)).toEqual([])
})
