import { expect, test } from '@jest/globals'
import { eventually, KeptLog } from '@freshet/testkit'
import { documentOf, membersOf } from '../src/json-text.ts'
import { DebeziumWriter } from './support/debezium-writer.ts'
import { MemoryTopic } from './support/memory-topic.ts'
import { FollowedTable } from './support/table.ts'

const set = (id: string, value: unknown) => ({ op: 'u', id, after: { id, value } }) as const

function opened(): { readonly topic: MemoryTopic; readonly writer: DebeziumWriter } {
  const topic = new MemoryTopic()
  return { topic, writer: new DebeziumWriter(topic) }
}

test('L1 a document has the bytes of the row: numbers as written, large integers as strings', () => {
  const row =
    ' { "id" : "a b:1", "n": 1.50, "big": 9007199254740993, "small": 9007199254740991,\n"e":1234567890123456e2, "s": "12345678901234567 \\" x" } '
  expect(documentOf(row).toString()).toBe(
    '{"id":"a b:1","n":1.50,"big":"9007199254740993","small":9007199254740991,"e":1234567890123456e2,"s":"12345678901234567 \\" x"}',
  )
  const fractions =
    '{"a":0.30000000000000004,"b":-1.2345678901234567E-1234567890123456,"c":[-9007199254740993]}'
  expect(documentOf(fractions).toString()).toBe(fractions.replace('-9007199254740993', '"$&"'))
  expect([...(membersOf('{"a":{"b":[1,{"c":"}"}]},"d" : null, "e":"x,y"}') ?? [])]).toEqual([
    ['a', '{"b":[1,{"c":"}"}]}'],
    ['d', 'null'],
    ['e', '"x,y"'],
  ])
  expect(membersOf('[1]')).toBeUndefined()
  expect(membersOf('{}')?.size).toBe(0)
})

test.each([
  ['plain', 'x'],
  ['of escapes', '\\"'],
])('L1 a long text, %s, is a value like any other', (_name, text) => {
  const row = `{"id": "a", "text": "${text.repeat(10_000_000)}", "n": [1, 2]}`
  expect(documentOf(row).toString() === row.replace(/: /g, ':').replace(/, /g, ',')).toBe(true)
  expect(membersOf(row)?.get('n')).toBe('[1, 2]')
  expect(membersOf(row)?.get('text')?.length).toBe(10_000_000 * text.length + 2)
})

test('L1 rows with invalid ids, tombstones, heartbeats and other tables are passed over', async () => {
  const { topic, writer } = opened()
  writer.commit(set('a', 1), set('no/id', 2), { ...set('x', 3), table: 'elsewhere' }, { op: 'd', id: 'b' })
  writer.beat()
  await using table = new FollowedTable(topic)
  await table.reached()
  expect(table.content()).toEqual({ a: 1 })
})

const row = (after: unknown): unknown => ({
  after,
  op: 'r',
  source: { connector: 'postgresql', name: 'app', snapshot: 'last', db: 'shop', table: 'products', lsn: 1 },
})

test.each<[string, unknown, unknown, RegExp]>([
  ['no JSON', '{"id":1}', 'text', /a JSON object as the value/],
  ['no valid JSON', { id: 'a' }, '{"op": c, "source": {}}', /valid JSON/],
  ['a key without its converter', 'Struct{sku=b}', row({ id: 'a', sku: 'b' }), /a JSON object as the key/],
  ['a key without its name', '"b"', row({ id: 'a', sku: 'b' }), /a JSON object as the key/],
  ['a key of Avro', '\0\0\0\0\u0001\u0002b', row({ id: 'a', sku: 'b' }), /a JSON object as the key/],
  ['a key that is no valid JSON', '{"id": b}', row({ id: 'a' }), /valid JSON/],
  [
    'a key that is a number of bytes',
    { id: { scale: 0, value: 'AQ==' } },
    row({ id: 1 }),
    /handling.mode=string/,
  ],
  ['a row that is a text', { id: 'a' }, row('{"id":"a"}'), /the row in after/],
  ['a row without its envelope', { id: 'a' }, { id: 'a', value: 1 }, /ExtractNewRecordState/],
])('L9 %s is refused with what to change', async (_name, key, value, message) => {
  const { topic, writer } = opened()
  topic.append(writer.notification('STARTED'), [key, value])
  await using table = new FollowedTable(topic)
  await table.failed('UNSUPPORTED')
  expect(table.reasons.join()).toMatch(message)
})

test('L9 changes without transactions, of two connectors, or with keys of several columns are refused', async () => {
  const refused = async (change: (text: string) => string, message: RegExp): Promise<void> => {
    const { topic, writer } = opened()
    writer.commit(set('a', 1))
    const before = writer.transaction(set('a', 2))
    topic.append(
      ...before.map(([key, value]) => [change(JSON.stringify(key)), change(JSON.stringify(value))] as const),
    )
    await using table = new FollowedTable(topic)
    await table.failed('UNSUPPORTED')
    expect(table.reasons.join()).toMatch(message)
  }
  await refused(
    (text) => text.replace(/"transaction":\{[^}]*\}/, '"transaction":null'),
    /provide.transaction.metadata/,
  )
  await refused((text) => text.replace('"name":"app"', '"name":"app2"'), /got app and app2/)
  await refused((text) => text.replace('{"id":"a","__', '{"id":"a","n":1,"__'), /a key of one column/)
})

test('L8 a value that the database did not log is refused, until the row is written again', async () => {
  const { topic, writer } = opened()
  writer.commit(set('a', 1), set('b', 1))
  writer.commit(set('a', '__debezium_unavailable_value'))
  await using table = new FollowedTable(topic)
  await table.failed('CONTENT_UNKNOWN')
  expect(table.reasons.join()).toMatch(/a value of products\/a.*REPLICA IDENTITY FULL/)
  expect(table.shown).toEqual([])
  writer.commit(set('a', 3))
  await table.reached()
  expect(table.content()).toEqual({ a: 3, b: 1 })
  writer.commit(set('b', 'X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=='))
  await eventually(() =>
    expect(table.errors.filter((code) => code === 'CONTENT_UNKNOWN').length).toBeGreaterThan(1),
  )
  expect(table.shown.some((text) => text.includes('X19k'))).toBe(false)
})

const placeholder = '__debezium_unavailable_value'

test.each<[string, unknown]>([
  ['bytea', Buffer.from(placeholder).toString('base64')],
  ['bytea, in hex', Buffer.from(placeholder).toString('hex')],
  ['text[]', [placeholder]],
  ['bytea[]', [Buffer.from(placeholder).toString('base64')]],
  ['integer[], bigint[]', [...Buffer.from(placeholder)]],
  ['uuid[]', ['b68a35a7-17ad-35b3-af2a-ae46edb4545a']],
  ['hstore', { [placeholder]: placeholder }],
  ['hstore, in JSON', JSON.stringify({ [placeholder]: placeholder })],
])('L8 a value of the type %s that the database did not log is not shown', async (_type, value) => {
  const { topic, writer } = opened()
  writer.commit(set('a', value))
  await using table = new FollowedTable(topic)
  await table.failed('CONTENT_UNKNOWN')
  expect(table.shown).toEqual([])
})

test('L10 while Debezium is silent, the state is not proved current, and again when it writes', async () => {
  const { topic, writer } = opened()
  writer.commit(set('a', 1))
  await using table = new FollowedTable(topic, { beatWithinMs: 50 })
  await table.reached()
  await eventually(() => {
    const proofs = table.batches.slice(-5).map(({ provedAt }) => provedAt)
    expect(proofs.length).toBe(5)
    expect(new Set(proofs).size).toBe(1)
  })
  const before = table.last?.provedAt ?? 0
  writer.beat()
  await eventually(() => expect(table.last?.provedAt).toBeGreaterThan(before))
})

test('L10 a log without heartbeats is reported once, with the setting', async () => {
  const { topic, writer } = opened()
  writer.commit(set('a', 1))
  const log = new KeptLog()
  await using _ = new FollowedTable(topic, { beatWithinMs: 50, log })
  const never = {
    level: 'warn',
    fields: { remedy: expect.stringContaining('heartbeat.interval.ms=1000') },
    message: expect.stringContaining('no heartbeats'),
  }
  await eventually(() => expect(log.lines).toEqual([never]))
  // With heartbeats, it is only silent.
  writer.beat()
  const now = { ...never, fields: { remedy: expect.stringContaining('Start the connector') } }
  await eventually(() =>
    expect(log.lines).toEqual([never, { ...now, message: expect.stringContaining('no new records') }]),
  )
})
