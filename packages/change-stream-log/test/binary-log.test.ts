import { expect, test } from '@jest/globals'
import { DebeziumWriter } from './support/debezium-writer.ts'
import { MemoryTopic } from './support/memory-topic.ts'
import { FollowedTable } from './support/table.ts'

const set = (id: string, value: unknown) => ({ op: 'u', id, after: { id, value } }) as const
const both = (value: number) => [set('a', value), set('b', value)] as const

test.each(['mysql', 'mariadb'] as const)(
  'L2 %s commits a TRUNCATE at once, and Debezium does not mark its end',
  async (connector) => {
    const topic = new MemoryTopic()
    const writer = new DebeziumWriter(topic, { connector })
    writer.commit(...both(0))
    await using live = new FollowedTable(topic)
    await live.reached()
    const truncate = writer.transaction({ op: 't' })
    topic.append(...truncate)
    await live.reached()
    expect(live.content()).toEqual({})
    writer.commit(set('b', 1))
    // Repeated after a crash of Debezium.
    topic.append(...truncate)
    writer.commit(set('a', 2))
    await live.reached()
    await using again = new FollowedTable(topic)
    await again.reached()
    expect([live.content(), again.content()]).toEqual([
      { a: 2, b: 1 },
      { a: 2, b: 1 },
    ])
    expect([...live.errors, ...again.errors]).toEqual([])
  },
)

test.each(['mysql', 'mariadb'] as const)(
  'L3 after a fail-over of %s, transactions have other places, and each is applied once by its GTID',
  async (connector) => {
    const topic = new MemoryTopic()
    const writer = new DebeziumWriter(topic, { connector })
    writer.commit(...both(0))
    await using live = new FollowedTable(topic)
    await live.reached()
    const before = writer.transaction(...both(1))
    topic.append(...before)
    await live.reached()
    // Of the old server, which the new one has logged at its own places.
    writer.failOver()
    topic.append(...before)
    writer.commit(set('a', 2), set('a', 3))
    await live.reached()
    await using again = new FollowedTable(topic)
    await again.reached()
    expect([live.content(), again.content()]).toEqual([
      { a: 3, b: 1 },
      { a: 3, b: 1 },
    ])
    expect([...live.errors, ...again.errors]).toEqual([])
  },
)

test('L3 a transaction of MySQL that changes a row twice, and that a crash has interrupted, is shown once and whole', async () => {
  const topic = new MemoryTopic()
  const writer = new DebeziumWriter(topic, { connector: 'mysql' })
  writer.commit(...both(0))
  await using live = new FollowedTable(topic)
  await live.reached()
  const entries = writer.transaction(set('a', 1), set('a', 2), set('b', 2))
  topic.append(...entries.slice(0, 3), ...entries)
  await live.reached()
  await using again = new FollowedTable(topic)
  await again.reached()
  expect([live.shown, again.shown]).toEqual([['{"a":0,"b":0}', '{"a":2,"b":2}'], ['{"a":2,"b":2}']])
  expect([...live.errors, ...again.errors]).toEqual([])
})

test('L4 the changes of a compressed transaction of MySQL have one place, and the last one of a row counts', async () => {
  const topic = new MemoryTopic()
  const writer = new DebeziumWriter(topic, { connector: 'mysql', compressed: true })
  writer.commit(...both(0))
  await using live = new FollowedTable(topic)
  await live.reached()
  // Two statements: b is the second row of the first, and the first row of the second.
  writer.commit({ ...set('a', 1), row: 0 }, { ...set('b', 1), row: 1 }, { ...set('b', 2), row: 0 })
  await live.reached()
  await using again = new FollowedTable(topic)
  await again.reached()
  expect([live.content(), again.content()]).toEqual([
    { a: 1, b: 2 },
    { a: 1, b: 2 },
  ])
  expect([...live.errors, ...again.errors]).toEqual([])
})

test('L7 after a new snapshot, ids of transactions may be used again: MySQL was reset', async () => {
  const topic = new MemoryTopic()
  const old = new DebeziumWriter(topic, { connector: 'mysql' })
  old.commit(...both(1))
  await using live = new FollowedTable(topic)
  await live.reached()
  const reset = new DebeziumWriter(topic, { connector: 'mysql', begins: 'with nothing' })
  topic.append(...reset.snapshot([{ id: 'a', value: 2 }]))
  reset.commit(...both(3))
  await live.failed('HISTORY_LOST')
  await live.reached()
  expect(live.content()).toEqual({ a: 3, b: 3 })
})

test('L9 an XA transaction of MySQL is refused: Debezium writes it when it is prepared, also if it is then rolled back', async () => {
  const topic = new MemoryTopic()
  const writer = new DebeziumWriter(topic, { connector: 'mysql' })
  writer.commit(set('a', 1))
  const [, change] = writer.transaction(set('a', 2))
  if (change === undefined) throw new Error('expected a change')
  const [key, value] = change
  topic.append([
    key,
    JSON.parse(JSON.stringify(value).replace(/"transaction":\{[^}]*\}/, '"transaction":null')),
  ])
  await using table = new FollowedTable(topic)
  await table.failed('UNSUPPORTED')
  expect(table.reasons.join()).toMatch(/expected a transaction.*XA/)
})

test('L2 a statement of MariaDB that defines something has a BEGIN and nothing else, and holds up nothing', async () => {
  const topic = new MemoryTopic()
  const writer = new DebeziumWriter(topic, { connector: 'mariadb' })
  writer.commit(...both(0))
  await using live = new FollowedTable(topic)
  await live.reached()
  const definitions = Array.from({ length: 20 }, () => writer.transaction().slice(0, 1)).flat()
  topic.append(...definitions)
  await live.reached()
  const entries = writer.transaction(...both(1))
  topic.append(...entries.slice(0, 2))
  // Debezium begins before the last place that it has stored.
  topic.append(...definitions, ...entries)
  await live.reached()
  await using again = new FollowedTable(topic)
  await again.reached()
  expect([live.shown, again.shown]).toEqual([['{"a":0,"b":0}', '{"a":1,"b":1}'], ['{"a":1,"b":1}']])
  expect([...live.errors, ...again.errors]).toEqual([])

  // But one with changes lacks the others.
  topic.append(...writer.transaction(...both(2)).slice(0, 2), ...definitions)
  writer.commit(set('a', 3))
  await live.failed('CONTENT_UNKNOWN')
  expect(live.shown.at(-1)).toBe('{"a":1,"b":1}')
})
