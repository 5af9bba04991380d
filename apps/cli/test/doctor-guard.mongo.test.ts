import { afterAll, expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import { openTestDatabase } from '@freshet/testkit'
import { runProgram } from '../src/program.ts'

const db = await openTestDatabase()
afterAll(() => db[Symbol.asyncDispose]())

/** Runs the command with an address from a secrets file. */
async function doctor(uri: string, ...argv: readonly string[]) {
  const lines = { printed: '', said: '' }
  const code = await runProgram(['doctor', 'guard', '--database=shop', '--db-file=address', ...argv], {
    env: {},
    cwd: '/nowhere',
    clock: systemClock,
    readFile: () => uri,
    print: (text) => (lines.printed += text),
    say: (text) => (lines.said += text),
    stopped: new AbortController().signal,
  })
  return { code, ...lines }
}

test('with a reader’s credentials, every layer that can be checked is ok, and each privilege is explained', async () => {
  const { code, printed, said } = await doctor(db.uriFor('reader'))
  expect(said).toBe('')
  expect(printed.split('\n')).toEqual([
    'user freshet-reader@shop, roles freshet-reader@shop',
    '',
    expect.stringMatching(/^G0 {2}apart {7}not checked {2}enforced at deployment/),
    expect.stringMatching(/^G1 {2}types {7}not checked {2}enforced by the compiler/),
    expect.stringMatching(/^G2 {2}imports {5}not checked/),
    expect.stringMatching(/^G3 {2}veto {8}ok {11}a canary insert was refused before it was sent$/),
    expect.stringMatching(
      /^G4 {2}role {8}ok {11}the server refused a delete without the veto, and the user can only read: freshet-reader@shop$/,
    ),
    expect.stringMatching(/^G5 {2}network/),
    expect.stringMatching(/^G6 {2}lineage/),
    expect.stringMatching(/^G7 {2}breaker/),
    expect.stringMatching(/^G8 {2}seat belts/),
    '',
    expect.stringMatching(
      /^fine {2}\{"db":"shop","collection":""\} {2}changeStream \(reads changes\), find \(reads documents\), listCollections \(.*\)$/,
    ),
  ])
  expect(code).toBe(0)
})

test('with a writer’s credentials, the role layer is missing, and excessive privileges are listed', async () => {
  const { code, printed } = await doctor(db.uriFor('writer'))
  expect(code).toBe(78)
  expect(printed).toMatch(/^G4 {2}role {8}MISSING {6}PRIVILEGE: user freshet-writer@shop/m)
  expect(printed).toMatch(/^TOO MUCH {2}\{"db":"shop","collection":"products"\} +.*\binsert\b/m)
  expect(printed.split('\n')[1]).toMatch(/^To do: Give this process the reader role and nothing else/)
})

test('with an administrator’s credentials, there is one row for each resource', async () => {
  const { code, printed } = await doctor(db.adminUri)
  expect(code).toBe(78)
  const rights = printed.split('\n\n')[2]?.split('\n') ?? []
  const subjects = rights.map((row) => /^(TOO MUCH|fine) +\{.*?\}/.exec(row)?.[0])
  expect([...new Set(subjects)]).toEqual(subjects)
  expect(rights).toContainEqual(
    expect.stringMatching(/^TOO MUCH {2}\{"db":"","collection":""\} .* and \d+ more$/),
  )
})

test('--json prints one line', async () => {
  const { code, printed } = await doctor(db.adminUri, '--json')
  expect(code).toBe(78)
  expect(JSON.parse(printed)).toMatchObject({
    user: 'root@admin',
    layers: [
      { layer: 'G3', stands: true },
      { layer: 'G4', stands: false, seen: expect.stringContaining('PRIVILEGE'), remedy: expect.any(String) },
    ],
  })
})

test.each([
  ['a wrong password', () => db.uriFor('reader').replace(/:[^:@/]+@/, ':wrong@'), 78, 'NOT_AUTHENTICATED'],
  ['an invalid address', () => 'mongo://nowhere', 78, 'BAD_ADDRESS'],
  ['an unreachable server', () => 'mongodb://reader:x@127.0.0.1:1/?directConnection=true', 69, 'UNREACHABLE'],
])('%s is reported with a remedy and without the password', async (_, uri, code, word) => {
  const answer = await doctor(uri())
  expect(answer.code).toBe(code)
  expect(answer.said).toContain(word)
  expect(answer.said).toContain('To do: ')
  expect(answer.said).not.toContain(':wrong@')
  expect(answer.printed).toBe('')
})
