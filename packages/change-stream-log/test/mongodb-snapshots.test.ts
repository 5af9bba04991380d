import { expect, test } from '@jest/globals'
import { alsoAgain, content, opened, readAgain, set } from './support/mongodb-log.ts'
import { FollowedTable } from './support/table.ts'

test('L16 a document that a snapshot of MongoDB reads twice, since it was deleted and inserted meanwhile, replaces no other', async () => {
  const { topic, writer } = opened()
  topic.append(...writer.snapshot(set('a', 0), set('b', 0), set('a', 1)))
  topic.append(...writer.changes({ op: 'd', id: 'a' }, set('a', 1)))
  writer.beats(2)
  await using table = new FollowedTable(topic)
  await content({ a: 1, b: 0 })(table)
})

test('L16 a snapshot of MongoDB is not shown before Debezium has completed it', async () => {
  const { topic, writer } = opened()
  const begun = writer.snapshot(set('a', 0), set('b', 0)).slice(0, -1)
  topic.append(...begun)
  await using table = new FollowedTable(topic)
  await readAgain(table)
  expect(table.shown).toEqual([])
  // Debezium passed over the rest of the snapshot.
  topic.append(...writer.changes(set('a', 1)))
  writer.beats(2)
  await table.failed('CONTENT_UNKNOWN')
  expect(table.reasons.join()).toMatch(/has not been completed/)
  topic.append(...writer.snapshot(set('b', 2)))
  writer.beats(2)
  const complete = async (one: FollowedTable): Promise<void> => {
    await one.reached()
    expect(one.content()).toEqual({ b: 2 })
  }
  await complete(table)
  await alsoAgain(topic, complete)
})

test('L16 an empty snapshot of MongoDB is not shown before the changes since its beginning', async () => {
  const { topic, writer } = opened()
  topic.append(...writer.snapshot())
  await using table = new FollowedTable(topic)
  await readAgain(table)
  topic.append(...writer.changes(set('a', 1)))
  await readAgain(table)
  expect(table.shown).toEqual([])
  writer.beats(2)
  await content({ a: 1 })(table)
})

test('L9 a snapshot of MongoDB that is not announced is refused with what to set', async () => {
  const { topic, writer } = opened()
  topic.append(...writer.snapshot(set('a', 0)).slice(2))
  await using table = new FollowedTable(topic)
  await table.failed('UNSUPPORTED')
  expect(table.reasons.join()).toMatch(/set notification\.enabled\.channels=sink/)
})

test('L5 changes of MongoDB without a snapshot before them are not shown, until there is one', async () => {
  const { topic, writer } = opened()
  // Debezium went on at its place, in a topic that was created anew.
  topic.append(...writer.changes(set('a', 1)))
  writer.beats(2)
  await using table = new FollowedTable(topic)
  await table.failed('CONTENT_UNKNOWN')
  expect(table.reasons.join()).toMatch(/a log that begins with a snapshot/)
  expect(table.shown).toEqual([])
  topic.append(...writer.snapshot(set('a', 1), set('b', 1)))
  writer.beats(2)
  await table.reached()
  expect(table.content()).toEqual({ a: 1, b: 1 })
})
