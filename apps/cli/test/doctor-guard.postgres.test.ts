import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { setUpStatements } from '@freshet/change-stream-postgres'
import { systemClock } from '@freshet/kit'
import { TestDatabase, testUser } from '@freshet/postgres'
import { runProgram } from '../src/program.ts'

let db: TestDatabase

beforeAll(async () => {
  db = await TestDatabase.open({
    statements: [
      'create table products (id text primary key)',
      'create table orders (id text primary key)',
      ...setUpStatements({
        publication: 'freshet',
        user: testUser,
        collections: new Map([
          ['products', 'string'],
          ['orders', 'string'],
        ]),
      }),
    ],
  })
}, 60_000)
afterAll(() => db[Symbol.asyncDispose]())

const doctor = (uri: string, ...argv: readonly string[]) => run(uri, 'doctor', 'guard', ...argv)

async function run(uri: string, ...argv: readonly string[]) {
  const lines = { printed: '', said: '' }
  const code = await runProgram([...argv, '--database=postgres', '--db-file=address'], {
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

test('with the user of a reader on PostgreSQL, it says what was tried and how it was refused', async () => {
  const { code, printed, said } = await doctor(db.uri)
  expect([code, said]).toEqual([0, ''])
  expect(printed.trimEnd().split('\n')).toEqual([
    `reader: user ${testUser}`,
    '',
    expect.stringMatching(/^G0 {2}apart/),
    expect.stringMatching(/^G2 {2}imports/),
    expect.stringMatching(/^G3 {2}veto {8}ok {11}an insert was refused before it was sent$/),
    'G4  canary      ok           inserts of no rows in transactions that may write: ' +
      '"public"."orders": 42501 permission denied for table orders; ' +
      '"public"."products": 42501 permission denied for table products',
    'G4  role        ok           it has no right to write',
    expect.stringMatching(/^G5 /),
    expect.stringMatching(/^G6 /),
    expect.stringMatching(/^G7 /),
    expect.stringMatching(/^G8 /),
  ])
})

test('rights that are too large are listed, each for itself, and a table that accepts an insert is named', async () => {
  await db.admin.query(`grant insert on products to ${testUser}; alter role ${testUser} createdb`)
  const { code, printed } = await doctor(db.uri)
  await db.admin.query(`revoke insert on products from ${testUser}; alter role ${testUser} nocreatedb`)
  expect(code).toBe(78)
  expect(printed).toMatch(/^G4 {2}canary {6}MISSING .*"public"."products": {1,2}accepted$/m)
  expect(printed).toMatch(/^G4 {2}role {8}MISSING /m)
  expect(printed).toMatch(/^TOO MUCH {2}it may create databases$/m)
  expect(printed).toMatch(/^TOO MUCH {2}it may write to public.products$/m)
  expect(printed).toMatch(/^To do: Use a user with LOGIN, REPLICATION and SELECT only/m)
})

test('with the superuser, or without a table to try, a layer is missing', async () => {
  const { code, printed } = await doctor(db.server.uri(), '--json')
  expect(code).toBe(78)
  expect(JSON.parse(printed)).toMatchObject({
    user: 'postgres',
    layers: [
      { layer: 'G3', stands: true },
      { name: 'canary', stands: false },
      { name: 'role', stands: false, seen: 'it is a superuser' },
    ],
  })
  const other = await doctor(db.uri, '--publication=another')
  expect(other.code).toBe(78)
  expect(other.printed).toMatch(/the publication another has no table to try an insert with/)
})

test.each([
  ['a wrong password', () => db.uri.replace(/:[^:@/]+@/, ':wrong@'), 78, /DENIED/],
  ['an invalid address', () => 'postgres://[', 78, /expected postgres:/],
  ['an unreachable server', () => 'postgres://reader:x@127.0.0.1:1/', 69, /DISCONNECTED/],
])('PostgreSQL: %s is reported without the password', async (_, uri, code, word) => {
  const answer = await doctor(uri())
  expect([answer.code, answer.printed]).toEqual([code, ''])
  expect(answer.said).toMatch(word)
  expect(answer.said).not.toContain(':wrong@')
})

/** `freshet doctor`, with the reader's address alone. */
async function findingsOf(uri: string, ...argv: readonly string[]) {
  const { code, printed, said } = await run(uri, 'doctor', '--json', ...argv)
  const findings: readonly Record<string, string>[] = printed === '' ? [] : JSON.parse(printed).findings
  return { code, said, findings, one: (name: string) => findings.find((each) => each['name'] === name) }
}

test('`doctor` on PostgreSQL finds no fault, and says how much of each limit is in use', async () => {
  const { code, findings, one } = await findingsOf(db.uri)
  expect(findings.filter(({ verdict }) => verdict !== 'ok')).toEqual([])
  expect(code).toBe(0)
  expect(one('server')?.['seen']).toMatch(
    /^PostgreSQL \d+\.\d+, a primary, wal_level logical, publication freshet$/,
  )
  expect(one('replication slots')?.['seen']).toMatch(/^0 of \d+ in use; a reader needs one$/)
  expect(one('connections')?.['seen']).toMatch(/^\d+ of 100 in use; a reader needs up to 12$/)
  expect(one('clocks')?.['seen']).toMatch(/from this machine: the server [+-]\d\.\d s$/)
  expect(findings.filter(({ area }) => area === 'guard').map(({ name }) => name)).toEqual([
    'reader: G3 veto',
    'reader: G4 canary',
    'reader: G4 role',
  ])
})

test('`doctor` warns when no slot is left, and when one that nobody uses keeps the log', async () => {
  const { rows } = await db.admin.query(`select current_setting('max_replication_slots')::int as max`)
  const names = Array.from({ length: Number(rows[0].max) }, (_, at) => `left_${at}`)
  for (const name of names)
    await db.admin.query(`select pg_create_physical_replication_slot('${name}', true)`)
  const { code, one } = await findingsOf(db.uri)
  for (const name of names) await db.admin.query(`select pg_drop_replication_slot('${name}')`)
  expect(code).toBe(0)
  expect(one('replication slots')).toMatchObject({
    verdict: 'warning',
    seen: `${names.length} of ${names.length} in use; a reader needs one`,
    remedy: expect.stringContaining('max_replication_slots'),
  })
  expect(one('idle slots')).toMatchObject({ verdict: 'ok', seen: expect.stringContaining('left_0: 0 MiB') })
})

test('`doctor` on PostgreSQL: a missing publication is a fault, and a server that does not answer ends with 69', async () => {
  const other = await findingsOf(db.uri, '--publication=another')
  expect(other.code).toBe(78)
  expect(other.one('server')).toMatchObject({
    verdict: 'fault',
    seen: expect.stringContaining('expected the publication another'),
  })
  const lost = await findingsOf('postgres://reader:secret@127.0.0.1:1/')
  expect(lost.code).toBe(69)
  expect(lost.findings.map(({ verdict }) => verdict)).toEqual(['fault', 'fault'])
  expect(JSON.stringify(lost)).not.toContain('secret')
})
