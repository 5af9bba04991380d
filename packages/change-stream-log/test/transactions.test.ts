import { expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import { DebeziumWriter } from './support/debezium-writer.ts'
import { MemoryTopic } from './support/memory-topic.ts'
import { FollowedTable } from './support/table.ts'

const set = (id: string, value: unknown) => ({ op: 'u', id, after: { id, value } }) as const
const both = (value: number) => [set('a', value), set('b', value)] as const

function opened(): { readonly topic: MemoryTopic; readonly writer: DebeziumWriter } {
  const topic = new MemoryTopic()
  return { topic, writer: new DebeziumWriter(topic) }
}

/** Follows a log to which something is done while it is followed, and again from its beginning. */
async function twice(
  prepare: (log: ReturnType<typeof opened>) => void,
  act: (log: ReturnType<typeof opened>) => void,
  check: (table: FollowedTable) => Promise<void>,
): Promise<void> {
  const log = opened()
  prepare(log)
  await using live = new FollowedTable(log.topic)
  await live.reached()
  act(log)
  await check(live)
  await using again = new FollowedTable(log.topic)
  await check(again)
}

test('L2 a transaction is shown whole, also if it comes in pieces with heartbeats between', async () => {
  const { topic, writer } = opened()
  writer.commit(...both(0))
  await using table = new FollowedTable(topic)
  await table.reached()
  for (const entry of writer.transaction(...both(1))) {
    topic.append(entry)
    writer.beat()
    const { length } = table.batches
    await eventually(() => expect(table.batches.length).toBeGreaterThan(length + 1))
  }
  await table.reached()
  expect(table.shown).toEqual(['{"a":0,"b":0}', '{"a":1,"b":1}'])
})

test('L2 while a transaction has not ended, the state is not proved current', async () => {
  const { topic, writer } = opened()
  writer.commit(...both(0))
  await using table = new FollowedTable(topic)
  await table.reached()
  topic.append(...writer.transaction(...both(1)).slice(0, 2))
  await eventually(() =>
    expect(new Set(table.batches.slice(-5).map(({ provedAt }) => provedAt)).size).toBe(1),
  )
  expect(table.content()).toEqual({ a: 0, b: 0 })
  // A new follower shows what is whole, because Debezium may not come back soon.
  await using other = new FollowedTable(topic)
  await eventually(() => expect(other.shown).toEqual(['{"a":0,"b":0}']))
})

test('L3 transactions that Debezium repeats after a crash are applied once', async () => {
  await twice(
    ({ writer }) => writer.commit(...both(0)),
    ({ topic, writer }) => {
      const first = writer.transaction(...both(1))
      const second = writer.transaction(set('a', 2), { op: 'd', id: 'b' })
      topic.append(...first, ...second, ...first, ...second, ...first)
    },
    async (table) => {
      await table.reached()
      expect(table.content()).toEqual({ a: 2 })
      expect(table.shown.filter((shown) => shown === '{"a":1,"b":1}').length).toBeLessThanOrEqual(1)
      expect(table.errors).toEqual([])
    },
  )
})

test.each<[string, (entries: readonly unknown[]) => readonly number[]]>([
  ['goes on where it was', () => [0, 1, 2, 3]],
  ['is sent again from its first row, without its beginning', () => [0, 1, 1, 2, 3]],
  ['is sent again from its beginning', () => [0, 1, 0, 1, 2, 3]],
])(
  'L3 a transaction that a crash has interrupted is shown once and whole when it %s',
  async (_name, order) => {
    await twice(
      ({ writer }) => writer.commit(...both(0)),
      ({ topic, writer }) => {
        const before = writer.transaction(...both(1))
        topic.append(...before)
        const entries = writer.transaction(...both(2))
        const pieces = order(entries).flatMap((index) => entries.slice(index, index + 1))
        topic.append(...pieces.slice(0, 2))
        // Debezium begins before the last place that it has stored.
        topic.append(...before, ...pieces.slice(2))
      },
      async (table) => {
        await table.reached()
        expect(table.shown.at(-1)).toBe('{"a":2,"b":2}')
        expect(table.shown.filter((text) => text !== '{}' && new Set(text.match(/\d/g)).size !== 1)).toEqual(
          [],
        )
        expect(table.errors).toEqual([])
      },
    )
  },
)

test('L4 transactions out of order begin a new epoch, and no row goes back', async () => {
  const log = opened()
  log.writer.commit(...both(0))
  await using live = new FollowedTable(log.topic)
  await live.reached()
  const [one, two] = [log.writer.transaction(...both(1)), log.writer.transaction(...both(2))]
  log.topic.append(...two)
  await live.reached()
  log.topic.append(...one)
  await live.failed('HISTORY_LOST')
  await live.reached()
  expect(live.content()).toEqual({ a: 2, b: 2 })
  expect(live.origins.length).toBe(2)
  await using again = new FollowedTable(log.topic)
  await again.reached()
  expect(again.shown).toEqual(['{"a":2,"b":2}'])
})

test('L5 a record that is missing in a transaction stops the log, until a new snapshot', async () => {
  const log = opened()
  log.topic.append(
    ...log.writer.snapshot([
      { id: 'a', value: 0 },
      { id: 'b', value: 0 },
    ]),
  )
  await using live = new FollowedTable(log.topic)
  await live.reached()
  log.topic.append(...log.writer.transaction(...both(1)).filter((_, index) => index !== 2))
  await live.failed('CONTENT_UNKNOWN')
  await using again = new FollowedTable(log.topic)
  await again.failed('CONTENT_UNKNOWN')
  expect(again.reasons.join()).toMatch(/should have 2 records, got 1/)
  expect([...live.shown, ...again.shown]).toEqual(['{"a":0,"b":0}'])
  log.topic.append(
    ...log.writer.snapshot([
      { id: 'a', value: 1 },
      { id: 'b', value: 1 },
    ]),
  )
  await again.reached()
  expect(again.content()).toEqual({ a: 1, b: 1 })
})

test('L5 a transaction that is interrupted and never continues stops the log', async () => {
  await twice(
    ({ writer }) => writer.commit(...both(0)),
    ({ topic, writer }) => {
      topic.append(...writer.transaction(...both(1)).slice(0, 2))
      writer.commit(set('a', 2))
    },
    async (table) => {
      await table.failed('CONTENT_UNKNOWN')
      expect(table.shown.filter((text) => text !== '{"a":0,"b":0}')).toEqual([])
    },
  )
})

test('L6 a compacted log gives the state at its end, and nothing before', async () => {
  const { topic, writer } = opened()
  topic.chunk = 3
  for (let value = 0; value < 50; value += 1) writer.commit(...both(value))
  writer.commit(set('c', 1), { op: 'd', id: 'a' })
  topic.compact()
  await using table = new FollowedTable(topic)
  await table.reached()
  expect(table.shown).toEqual(['{"b":49,"c":1}'])
  expect(table.errors).toEqual([])
})

test('L6 what a transaction without its end has replaced is not guessed', async () => {
  const { topic, writer } = opened()
  writer.commit(...both(0))
  const [begin, row, ...rest] = writer.transaction(...both(1))
  for (const entry of [begin, row]) if (entry !== undefined) topic.append(entry)
  topic.compact()
  await using table = new FollowedTable(topic)
  await eventually(() => expect(table.batches.length).toBeGreaterThan(3))
  expect(table.shown).toEqual([])
  topic.append(...rest)
  await table.reached()
  expect(table.shown).toEqual(['{"a":1,"b":1}'])
})

test('L6 records that are removed before they are read begin a new epoch', async () => {
  const { topic, writer } = opened()
  writer.commit(...both(0))
  await using table = new FollowedTable(topic)
  await table.reached()
  const from = topic.end
  writer.commit(...both(1))
  topic.remove(({ offset }) => offset === from + 1)
  await table.failed('HISTORY_LOST')
})

test('L7 a new snapshot begins a new epoch, and rows that were deleted meanwhile are gone', async () => {
  const { topic, writer } = opened()
  const rows = (...ids: readonly string[]) => ids.map((id) => ({ id, value: 1 }))
  topic.append(...writer.snapshot(rows('a', 'b', 'c')))
  writer.commit(set('d', 1))
  await using table = new FollowedTable(topic)
  await table.reached()
  expect(table.content()).toEqual({ a: 1, b: 1, c: 1, d: 1 })
  // Interrupted, and then taken again.
  topic.append(...writer.snapshot(rows('a', 'b', 'x')).slice(0, 4))
  await table.failed('HISTORY_LOST')
  topic.append(...writer.snapshot(rows('a', 'c')))
  await table.reached()
  expect(table.content()).toEqual({ a: 1, c: 1 })
  expect(table.shown).toEqual(['{"a":1,"b":1,"c":1,"d":1}', '{"a":1,"c":1}'])
})

test('L7 a table that a new snapshot does not contain is not guessed', async () => {
  const { topic, writer } = opened()
  topic.append(...writer.snapshot([{ id: 'a', value: 1 }]))
  const other = writer.snapshot([
    { id: 'x', value: 1 },
    { id: 'y', value: 2 },
  ])
  topic.append(
    ...other.map(
      ([key, value]) => [key, JSON.stringify(value).replaceAll('"products"', '"elsewhere"')] as const,
    ),
  )
  await using table = new FollowedTable(topic)
  await table.failed('UNSUPPORTED')
  expect(table.reasons.join()).toMatch(/rows of 'products' in the latest snapshot/)
  expect(table.shown).toEqual([])
})

test('L11 a log that is created anew is another source', async () => {
  const { topic, writer } = opened()
  writer.commit(...both(0))
  await using table = new FollowedTable(topic)
  await table.reached()
  topic.recreate()
  await table.failed('SOURCE_CHANGED')
  topic.append(...writer.snapshot([]))
  writer.commit(set('a', 5))
  await eventually(() => expect(table.content()).toEqual({ a: 5 }))
  expect(new Set(table.origins.map(({ source }) => source)).size).toBe(2)
})

test('L12 a transaction above the limit is refused', async () => {
  const { topic, writer } = opened()
  writer.commit(set('a', 'x'.repeat(1_000)), set('b', 'x'.repeat(1_000)))
  await using table = new FollowedTable(topic, { maxOpenBytes: 2_000 })
  await table.failed('TOO_LARGE')
})

test('L7 an empty snapshot is shown at once, and does not hold up the changes after it', async () => {
  const { topic, writer } = opened()
  await using table = new FollowedTable(topic)
  await eventually(() => expect(table.shown).toEqual(['{}']), { withinMs: 5_000 })
  writer.commit(set('a', 1))
  await eventually(() => expect(table.shown).toEqual(['{}', '{"a":1}']), { withinMs: 5_000 })
})
