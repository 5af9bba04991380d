import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, expect, jest, test } from '@jest/globals'
import * as driver from 'mongodb'
import * as driversConnection from 'mongodb/lib/cmap/connection.js'
import { errorsOf, readersDoor } from '../layers/types.ts'
import { TestServer } from '../test-server.ts'
import { rowsAt, type Row } from './rows.ts'

const server = await TestServer.open({ accessControl: true })
const root = new driver.MongoClient(server.uri('root'))
await root
  .db('app')
  .collection('docs')
  .insertMany([{ a: 1 }, { a: 2 }])
afterAll(async () => {
  await root.close()
  await server[Symbol.asyncDispose]()
})

// Resetting the modules would load the driver twice for each row.
jest.unstable_mockModule('mongodb', () => driver)
jest.unstable_mockModule('mongodb/lib/cmap/connection.js', () => driversConnection)

const rows = rowsAt(server, root)

/** Whether an attack is stopped if these files lack their protection. */
async function holds(stops: Row['stops'], without: readonly string[]): Promise<boolean> {
  jest.resetModules()
  const paths = without.map((file) => [file, join(import.meta.dirname, `../../src/${file}.ts`)] as const)
  for (const [file, path] of paths) {
    const real: object = await import(path)
    jest.unstable_mockModule(path, async () => ({ ...real, ...(await rows[file]?.without(real)) }))
  }
  try {
    return await stops()
  } finally {
    for (const [, path] of paths) jest.unstable_unmockModule(path)
  }
}

const rulesOf = ({ rule, stops, also }: Row): readonly (readonly [string, Row['stops']])[] =>
  Object.entries({ [rule]: stops, ...also })

test.each(
  Object.entries(rows).flatMap(([file, row]) =>
    rulesOf(row).map(([rule, stops]) => [rule, file, stops, row.down ?? []] as const),
  ),
)('%s stands, and fails without %s.ts', async (_, file, stops, down) => {
  expect({ held: await holds(stops, down), without: await holds(stops, [...down, file]) }).toEqual({
    held: true,
    without: false,
  })
})

/** Types only: the compiler is the test. */
test('G1.6 holds, and fails without contract.ts', async () => {
  const write = 'connection.run({ insert: "docs", documents: [] })'
  const [[refused] = []] = await errorsOf([write], readersDoor)
  expect(refused).toMatch(/^TS/)
  const untyped = 'declare const connection: { run(command: object): Promise<object> }'
  expect(await errorsOf([write], untyped)).toEqual([[]])
})

test('the first line of every file of the guard names the rules that fail without it', async () => {
  const folder = join(import.meta.dirname, '../../src')
  const named: string[] = []
  for (const name of await readdir(folder)) {
    const [, list = 'none'] =
      /^\/\/ (.+) fails? without this file: /.exec(await readFile(join(folder, name), 'utf8')) ?? []
    named.push(...list.split(/, | and /).map((rule) => `${name} ${rule}`))
  }
  const rules = Object.entries(rows).flatMap(([file, row]) =>
    rulesOf(row).map(([rule]) => `${file}.ts ${rule}`),
  )
  expect(named.toSorted()).toEqual([...rules, 'contract.ts G1.6'].toSorted())
})
