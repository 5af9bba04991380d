import { expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import type { IdType } from '@freshet/protocol'
import type { Entry } from './support/memory-topic.ts'
import { alsoAgain, both, content, following, opened, readAgain, set } from './support/mongodb-log.ts'
import type { MongoDbWrite } from './support/mongodb-writer.ts'
import { FollowedTable } from './support/table.ts'

test('L2 a change of MongoDB without a transaction is shown at once', async () => {
  const { topic, writer, live } = await following()
  await using _ = live
  topic.append(...writer.changes(set('a', 1), { op: 'd', id: 'b' }))
  await content({ a: 1 })(live)
  await alsoAgain(topic, content({ a: 1 }))
})

test('L2 a transaction of MongoDB is shown whole, with the next change if its END is lost', async () => {
  const { topic, writer, live } = await following()
  await using _ = live
  const entries = writer.transaction(...both(1)).slice(0, -1)
  for (const entry of entries) {
    topic.append(entry)
    writer.beats(1)
    await readAgain(live)
  }
  expect(live.shown).toEqual(['{"a":0,"b":0}'])
  topic.append(...writer.changes(set('c', 2)))
  await content({ a: 1, b: 1, c: 2 })(live)
  expect(live.shown).toEqual(['{"a":0,"b":0}', '{"a":1,"b":1,"c":2}'])
})

test('L2 the next transaction of MongoDB ends the one before it, at the position where it begins', async () => {
  const { topic, writer, live } = await following()
  await using _ = live
  topic.append(...writer.transaction(...both(1)).slice(0, -1))
  const [begin, first, ...rest] = writer.transaction(...both(2))
  const before = topic.end
  for (const entry of [begin, first]) if (entry !== undefined) topic.append(entry)
  await eventually(() => expect(live.content()).toEqual({ a: 1, b: 1 }))
  expect(Number.parseInt(live.last?.through ?? '', 16)).toBe(before + 1)
  topic.append(...rest)
  await content({ a: 2, b: 2 })(live)
})

test('L2 a transaction of MongoDB has ended when two heartbeats come without a change between them', async () => {
  const { topic, writer, live } = await following()
  await using _ = live
  topic.append(...writer.transaction(...both(1)).slice(0, -1))
  writer.beats(1)
  await readAgain(live)
  expect(live.content()).toEqual({ a: 0, b: 0 })
  writer.beats(1)
  await content({ a: 1, b: 1 })(live)
})

test('L3 what Debezium repeats of MongoDB does not end the transaction that a crash has interrupted', async () => {
  const { topic, writer, live } = await following()
  await using _ = live
  const before = writer.changes(set('c', 1), set('c', 2))
  const [begin, first, second, end] = writer.transaction(...both(1))
  const cut: readonly (Entry | undefined)[] = [begin, first]
  topic.append(...before, ...cut.filter((entry) => entry !== undefined), ...before)
  await readAgain(live)
  expect(live.content()).toEqual({ a: 0, b: 0, c: 2 })
  for (const entry of [begin, first, second, end]) if (entry !== undefined) topic.append(entry)
  await content({ a: 1, b: 1, c: 2 })(live)
  expect(live.shown.filter((shown) => /"a":(\d),"b":(?!\1)/.test(shown))).toEqual([])
  await alsoAgain(topic, content({ a: 1, b: 1, c: 2 }))
})

test('L3 what Debezium repeats of MongoDB is applied once, and in no other order', async () => {
  const { topic, writer, live } = await following()
  await using _ = live
  const all = [
    ...writer.changes(set('a', 1), set('a', 2), { op: 'd', id: 'b' }),
    ...writer.transaction(set('a', 3), set('a', 4)),
    ...writer.changes(set('a', 5)),
  ]
  topic.append(...all, ...all, ...all.slice(2), ...all.slice(5))
  await content({ a: 5 })(live)
  const values = live.shown.map((shown) => Number(/"a":(\d)/.exec(shown)?.[1]))
  expect(values).toEqual(values.toSorted((one, other) => one - other))
  await alsoAgain(topic, content({ a: 5 }))
})

test('L4 changes of MongoDB out of order begin a new epoch, and no row goes back', async () => {
  const { topic, writer, live } = await following()
  await using _ = live
  const [one, two] = writer.changes(set('a', 1), set('a', 2))
  for (const entry of [two, one]) if (entry !== undefined) topic.append(entry)
  await live.failed('HISTORY_LOST')
  await live.reached()
  expect(live.content()).toEqual({ a: 2, b: 0 })
  await alsoAgain(topic, content({ a: 2, b: 0 }))
})

test('L5 a record that is missing in a transaction of MongoDB stops the log', async () => {
  const { topic, writer, live } = await following()
  await using _ = live
  topic.append(...writer.transaction(...both(1)).filter((_entry, index) => index !== 2))
  await live.failed('CONTENT_UNKNOWN')
  expect(live.shown).toEqual(['{"a":0,"b":0}'])
})

test('L6 a compacted log whose keys do not name the table is refused', async () => {
  const { topic, writer } = opened()
  topic.append(
    ...writer.snapshot(),
    ...writer.changes(set('a', 1), set('a', 2), { ...set('a', 3), collection: 'others' }),
  )
  topic.compact()
  writer.beats(2)
  await using table = new FollowedTable(topic)
  await table.failed('UNSUPPORTED')
  expect(table.reasons.join()).toMatch(/keys that name their table/)
  expect(table.shown).toEqual([])
})

test('L7 a snapshot of MongoDB that was interrupted and taken again replaces what it has read before', async () => {
  const { topic, writer } = opened()
  topic.append(
    ...writer.snapshot(set('a', 0), set('x', 0), set('b', 0)).slice(0, 4),
    ...writer.snapshot(set('a', 1), set('b', 1)),
  )
  writer.beats(2)
  await using table = new FollowedTable(topic)
  await content({ a: 1, b: 1 })(table)
  // Debezium has lost its place in the database's log.
  topic.append(...writer.snapshot(set('b', 2)))
  await table.failed('HISTORY_LOST')
  writer.beats(2)
  await table.reached()
  expect(table.content()).toEqual({ b: 2 })
})

test('L18 a collection of MongoDB that is dropped or renamed has no documents any more', async () => {
  const { topic, writer, live } = await following()
  await using _ = live
  const dropped = [...writer.dropped(), ...writer.dropped('others')]
  topic.append(...dropped)
  await content({})(live)
  topic.append(
    ...writer.changes(set('a', 1)),
    ...writer.renamed('products', 'old'),
    ...writer.changes(set('b', 2)),
  )
  await content({ b: 2 })(live)
  // Repeated after a crash of Debezium.
  topic.append(...dropped)
  await content({ b: 2 })(live)
  await alsoAgain(topic, content({ b: 2 }))
})

test('L18 a collection of MongoDB that another one replaces is not guessed, until a new snapshot', async () => {
  const { topic, writer, live } = await following()
  await using _ = live
  topic.append(...writer.renamed('new', 'products'))
  await live.failed('CONTENT_UNKNOWN')
  expect(live.reasons.join()).toMatch(/another collection was renamed to 'products'/)
  await using again = new FollowedTable(topic)
  await again.failed('CONTENT_UNKNOWN')
  expect([...live.shown, ...again.shown]).toEqual(['{"a":0,"b":0}'])
  topic.append(...writer.snapshot(set('c', 1)))
  writer.beats(2)
  await again.reached()
  expect(again.content()).toEqual({ c: 1 })
})

/** Entries whose values are changed as text. */
function changed(entries: readonly Entry[], change: (text: string) => string): readonly Entry[] {
  return entries.map(([key, value]) => [key, change(JSON.stringify(value))])
}

test('L9 clock times of MongoDB instead of cluster times are refused with what to set', async () => {
  const { topic, writer } = opened()
  topic.append(
    ...changed(writer.changes(set('a', 1)), (text) => text.replace(/"ts_ms":(\d+)000/, '"ts_ms":$1001')),
  )
  await using table = new FollowedTable(topic)
  await table.failed('UNSUPPORTED')
  expect(table.reasons.join()).toMatch(/Set cursor\.pipeline/)
})

test('L8 an update of MongoDB without its document is not guessed until the next one, in what is followed', async () => {
  const { topic, writer, live } = await following()
  await using _ = live
  const without = (write: MongoDbWrite): readonly Entry[] =>
    changed(writer.changes(write), (text) => text.replace(/"after":"(?:[^"\\]|\\.)*"/, '"after":null'))
  topic.append(...without({ ...set('a', 1), collection: 'others' }))
  await content({ a: 0, b: 0 })(live)
  topic.append(...without(set('a', 1)))
  await live.failed('CONTENT_UNKNOWN')
  expect(live.reasons.join()).toMatch(/lacks a value of products\/a .*post_image/)
  await using again = new FollowedTable(topic)
  await again.failed('CONTENT_UNKNOWN')
  topic.append(...writer.changes(set('a', 2)))
  for (const table of [live, again]) {
    await table.reached()
    expect(table.content()).toEqual({ a: 2, b: 0 })
  }
})

test('L16 a snapshot of MongoDB is shown when the changes since its beginning have been applied', async () => {
  const { topic, writer } = opened()
  // `b` was changed after `a` was read, and before `b` was.
  topic.append(...writer.snapshot(set('a', 0), set('b', 1)))
  await using table = new FollowedTable(topic)
  topic.append(...writer.changes(set('a', 1)))
  writer.beats(1)
  topic.append(...writer.changes(set('b', 1)))
  await readAgain(table)
  expect(table.shown).toEqual([])
  writer.beats(2)
  await content({ a: 1, b: 1 })(table)
})

test('L16 while changes never cease, a snapshot of MongoDB is shown with those of a minute later', async () => {
  const { topic, writer } = opened()
  topic.append(...writer.snapshot(set('a', 0)))
  await using table = new FollowedTable(topic)
  for (let change = 1; change < 12; change += 1) {
    topic.append(...writer.changes(set('a', change)))
    writer.passSeconds(6)
  }
  await readAgain(table)
  expect(table.shown).toEqual([])
  topic.append(...writer.changes(set('a', 20)))
  await content({ a: 20 })(table)
})

test('L10 a log without a record proves nothing, and an empty snapshot that the collection is empty', async () => {
  const { topic, writer } = opened()
  await using table = new FollowedTable(topic)
  await readAgain(table)
  expect(table.shown).toEqual([])
  topic.append(...writer.snapshot())
  writer.beats(2)
  await content({})(table)
})

test.each<[IdType, string, string]>([
  ['objectid', '{"$oid": "64b7f3f3f3f3f3f3f3f3f3f3"}', '64b7f3f3f3f3f3f3f3f3f3f3'],
  ['integer', '9007199254740991', '9007199254740991'],
  ['integer', '7.0', '7'],
  [
    'uuid',
    '{"$binary": {"base64": "Ej5FZ+ibEtOkVkJmFBdAAA==","subType": "04"}}',
    '123e4567-e89b-12d3-a456-426614174000',
  ],
  ['string', '"a.b:1"', 'a.b:1'],
])(
  'L17 a document of MongoDB with an id of type %s, %s, is shown as by the database',
  async (idType, key, id) => {
    const { topic, writer } = opened()
    const members =
      '"10": {"$numberLong": "5"},"2": NaN,"id": {"$date": 1700000000123},"value": [{"$numberDecimal": "1.10"},3.0]'
    topic.append(
      ...writer.snapshot(),
      ...writer.changes({ id, key, members }, { ...set('other', 1), key: 'true' }),
    )
    writer.beats(2)
    await using table = new FollowedTable(topic, { idType })
    await table.reached()
    expect([...table.rows]).toEqual([
      [
        id,
        `{"id":${JSON.stringify(id)},"10":5,"2":"NaN","$id":"2023-11-14T22:13:20.123Z","value":["1.10",3]}`,
      ],
    ])
    topic.append(...writer.changes({ op: 'd', id, key }))
    await table.reached()
    expect(table.rows.size).toBe(0)
  },
)
