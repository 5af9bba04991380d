import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, expect, jest, test } from '@jest/globals'
import { MongoClient } from 'mongodb'
import { errorsOf, readersDoor } from '../layers/types.ts'
import { TestServer } from '../test-server.ts'
import { rowsAt, type Row } from './rows.ts'

const server = await TestServer.open({ accessControl: true })
const root = new MongoClient(server.uri('root'))
await root
  .db('app')
  .collection('docs')
  .insertMany([{ a: 1 }, { a: 2 }])
afterAll(async () => {
  await root.close()
  await server[Symbol.asyncDispose]()
})

const rows = rowsAt(server, root)

/** Whether a rule holds if these files lack their protection. */
async function holds({ stops }: Row, without: readonly string[]): Promise<boolean> {
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

test.each(Object.entries(rows).map(([file, row]) => [row.rule, file, row] as const))(
  '%s stands, and fails without %s.ts',
  async (_, file, row) => {
    const down = row.down ?? []
    expect({ held: await holds(row, down), without: await holds(row, [...down, file]) }).toEqual({
      held: true,
      without: false,
    })
  },
)

/** Types only: the compiler is the test. */
test('G1.6 holds, and fails without contract.ts', async () => {
  const write = 'connection.run({ insert: "docs", documents: [] })'
  const [[refused] = []] = await errorsOf([write], readersDoor)
  expect(refused).toMatch(/^TS/)
  const untyped = 'declare const connection: { run(command: object): Promise<object> }'
  expect(await errorsOf([write], untyped)).toEqual([[]])
})

test('the first line of every file of the guard names the rule that fails without it', async () => {
  const folder = join(import.meta.dirname, '../../src')
  const named: string[] = []
  for (const name of await readdir(folder)) {
    const [, rule] = /^\/\/ ([A-Z]\d?\.\d+) fails without this file: /.exec(
      await readFile(join(folder, name), 'utf8'),
    ) ?? [name, 'none']
    named.push(`${name} ${rule}`)
  }
  const rules = Object.entries({ ...rows, contract: { rule: 'G1.6' } })
  expect(named.toSorted()).toEqual(rules.map(([file, { rule }]) => `${file}.ts ${rule}`).toSorted())
})
