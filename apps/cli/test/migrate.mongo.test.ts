import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import { openTestDatabase } from '@freshet/testkit'
import { runProgram } from '../src/program.ts'

const db = await openTestDatabase()
afterAll(() => db[Symbol.asyncDispose]())
const collections = join(import.meta.dirname, '../../../collections')

async function freshet(...argv: string[]) {
  let printed = ''
  const code = await runProgram(argv, {
    env: { FRESHET_DB: db.adminUri },
    cwd: '/nowhere',
    clock: systemClock,
    readFile: () => '',
    print: (text) => (printed += text),
    say: (text) => (printed += text),
    stopped: new AbortController().signal,
  })
  return { code, printed }
}

const timeline = async (database: string) => {
  const control = db.admin.db(database).collection<{ _id: string; timeline?: string }>('freshet')
  return (await control.findOne({ _id: 'source' }))?.timeline
}

test('migrate prints its changes and the addresses of new users once; the second run has nothing to do', async () => {
  const options = [`--collections=${collections}`, '--database=fresh']
  const { code, printed } = await freshet('migrate', ...options, '--json')
  expect(code).toBe(0)
  const { changes, addresses } = JSON.parse(printed)
  expect(changes).toContain('collection fresh.products')
  expect(addresses['freshet-writer']).toMatch(/^mongodb:\/\/freshet-writer:.*\/fresh\?/)
  expect(await freshet('migrate', ...options)).toEqual({ code: 0, printed: 'Nothing to do.' })
})

test('timeline new starts a new timeline and prints it', async () => {
  const before = await timeline(db.database)
  const { code, printed } = await freshet('timeline', 'new', `--database=${db.database}`)
  expect(code).toBe(0)
  expect(printed).not.toBe(before)
  expect(await timeline(db.database)).toBe(printed)
})
