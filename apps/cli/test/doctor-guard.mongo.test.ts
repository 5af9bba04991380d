import { afterAll, expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import { openTestDatabase } from '@freshet/testkit'
import { runProgram } from '../src/program.ts'

const db = await openTestDatabase({ messages: true })
afterAll(() => db[Symbol.asyncDispose]())

/** Runs the command with an address from a secrets file. */
async function doctor(uri: string, argv: readonly string[] = [], deliveryUri?: string) {
  const lines = { printed: '', said: '' }
  const ofDelivery = deliveryUri === undefined ? [] : ['--delivery-db-file=delivery-address']
  const code = await runProgram(
    ['doctor', 'guard', '--database=shop', '--db-file=address', ...ofDelivery, ...argv],
    {
      env: {},
      cwd: '/nowhere',
      clock: systemClock,
      readFile: (path) => (path.includes('delivery-address') ? (deliveryUri ?? '') : uri),
      print: (text) => (lines.printed += text),
      say: (text) => (lines.said += text),
      stopped: new AbortController().signal,
    },
  )
  return { code, ...lines }
}

test('with a reader’s credentials, every layer that can be checked is ok, and each privilege is explained', async () => {
  const { code, printed, said } = await doctor(db.uriFor('reader'))
  expect(said).toBe('')
  const rows = printed.split('\n')
  expect(rows.slice(0, -2)).toEqual([
    expect.stringMatching(/^reader: user freshet-reader@shop, roles freshet-reader@shop/),
    '',
    expect.stringMatching(/^G0 {2}apart {7}not checked {2}enforced at deployment/),
    expect.stringMatching(/^G1 {2}types {7}not checked {2}enforced by the compiler/),
    expect.stringMatching(/^G2 {2}imports {5}not checked/),
    expect.stringMatching(/^G3 {2}veto {8}ok {11}a canary insert was refused before it was sent$/),
    expect.stringMatching(
      /^G4 {2}role {8}ok {11}the server refused a delete without the veto, and the user can only read: freshet-reader@shop/,
    ),
    expect.stringMatching(/^G5 {2}network/),
    expect.stringMatching(/^G6 {2}lineage/),
    expect.stringMatching(/^G7 {2}breaker/),
    expect.stringMatching(/^G8 {2}seat belts/),
    '',
  ])
  expect(rows.slice(-2).toSorted()).toEqual([
    expect.stringMatching(
      /^fine {2}\{"db":"shop","collection":""\} +changeStream \(reads changes\), find \(reads documents\), listCollections \(.*\)$/,
    ),
    expect.stringMatching(/^fine {2}\{"db":"shop_messages","collection":""\} +find \(reads documents\)$/),
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
  const { code, printed } = await doctor(db.adminUri, ['--json'])
  expect(code).toBe(78)
  expect(JSON.parse(printed)).toMatchObject({
    user: 'root@admin',
    layers: [
      { layer: 'G3', stands: true },
      { layer: 'G4', stands: false, seen: expect.stringContaining('PRIVILEGE'), remedy: expect.any(String) },
    ],
  })
})

test('deliveries are checked too: their user may find and watch messages, and nothing else', async () => {
  const { code, printed, said } = await doctor(db.uriFor('reader'), [], db.uriFor('delivery'))
  expect([code, said]).toEqual([0, ''])
  const [, delivery] = printed.split(/^(?=delivery: )/m)
  expect(delivery?.split('\n').filter((row) => row !== '')).toEqual([
    'delivery: user freshet-delivery@shop, roles freshet-delivery@shop_messages',
    expect.stringMatching(/^G0 {2}apart .*the delivery contains no code that writes$/),
    expect.stringMatching(/^G1 /),
    expect.stringMatching(/^G2 /),
    expect.stringMatching(/^G3 {2}veto {8}ok /),
    expect.stringMatching(/^G4 {2}role {8}ok {11}the server refused a delete without the veto/),
    expect.stringMatching(
      /^G4 {2}rights {6}ok {11}the user may changeStream and find on shop_messages, and nothing else$/,
    ),
    expect.stringMatching(/^G5 /),
    expect.stringMatching(/^G8 .*infra\/k8s\/components\/messages$/),
    expect.stringMatching(/^fine {2}\{"db":"shop_messages","collection":""\} {2}/),
  ])
})

test.each(['reader', 'writer'] as const)('the credentials of a %s are wrong for deliveries', async (part) => {
  const { code, printed } = await doctor(db.uriFor('reader'), ['--json'], db.uriFor(part))
  expect(code).toBe(78)
  const { layers, delivery } = JSON.parse(printed)
  expect(layers).toMatchObject([{ stands: true }, { stands: true }])
  expect(delivery.layers).toMatchObject([
    { layer: 'G3', stands: true },
    { layer: 'G4', name: 'role', stands: false },
    {
      layer: 'G4',
      name: 'rights',
      stands: false,
      seen: expect.stringContaining('the user may not changeStream'),
    },
  ])
})

test('a user of deliveries that lacks a right, or has another harmless one, is reported', async () => {
  const grant = (actions: readonly string[]) =>
    db.admin.db('shop_messages').command({
      updateRole: 'freshet-delivery',
      privileges: [{ resource: { db: 'shop_messages', collection: '' }, actions }],
    })
  await grant(['find', 'collStats'])
  const { code, printed } = await doctor(db.uriFor('reader'), [], db.uriFor('delivery'))
  await grant(['find', 'changeStream'])
  expect(code).toBe(78)
  expect(printed).toMatch(
    /^G4 {2}rights {6}MISSING {6}the user may not changeStream on shop_messages; the user may collStats on/m,
  )
  expect(printed).toMatch(/^To do: Run `freshet migrate --messages`/m)
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
