import { expect, test } from '@jest/globals'
import type { Entry } from './support/memory-topic.ts'
import { alsoAgain, both, content, following, readAgain, set } from './support/mongodb-log.ts'

test('L2 a heartbeat that the producer has written twice does not end a transaction of MongoDB', async () => {
  const { topic, writer, live } = await following()
  await using _ = live
  const [begin, first, ...rest] = writer.transaction(...both(1))
  const beat = writer.beat()
  const interrupted: readonly (Entry | undefined)[] = [begin, first, beat, beat]
  topic.append(...interrupted.filter((entry) => entry !== undefined))
  await readAgain(live)
  topic.append(...rest)
  await content({ a: 1, b: 1 })(live)
  expect(live.shown).toEqual(['{"a":0,"b":0}', '{"a":1,"b":1}'])
})

test('L3 changes of a transaction of MongoDB that come after its end are not taken for repeated ones', async () => {
  const { topic, writer, live } = await following()
  await using _ = live
  const [begin, first, ...rest] = writer.transaction(...both(1), set('c', 1))
  for (const entry of [begin, first]) if (entry !== undefined) topic.append(entry)
  // Debezium says that MongoDB had nothing more.
  writer.beats(2)
  topic.append(...rest)
  await live.failed('HISTORY_LOST')
  const whole = { a: 1, b: 1, c: 1 }
  await live.reached()
  expect(live.content()).toEqual(whole)
  await alsoAgain(topic, content(whole))
})

test('L3 more repeated changes of MongoDB than a reader remembers begin no new epoch', async () => {
  const { topic, writer, live } = await following()
  await using _ = live
  const first = [...writer.changes(set('a', 1)), ...writer.transaction(...both(2))]
  topic.append(...first)
  const others = Array.from({ length: 100_001 }, (_, n) => set('c', n))
  topic.append(...writer.changes(...others))
  await live.reached()
  topic.append(...first, ...writer.changes(set('b', 3)))
  await content({ a: 2, b: 3, c: 100_000 })(live)
})

test('L2 a row of an incremental snapshot ends the transaction of MongoDB before it', async () => {
  const { topic, writer, live } = await following()
  await using _ = live
  topic.append(...writer.transaction(...both(1)).slice(0, -1))
  await readAgain(live)
  // One batch each.
  topic.append(writer.incremental(set('a', 1)))
  await readAgain(live)
  topic.append(writer.incremental(set('b', 1)), ...writer.changes(set('c', 1)))
  await content({ a: 1, b: 1, c: 1 })(live)
  expect(live.shown).toEqual(['{"a":0,"b":0}', '{"a":1,"b":1}', '{"a":1,"b":1,"c":1}'])
})

test('L18 a document whose id looks like a dropped collection is a document', async () => {
  const { topic, writer, live } = await following()
  await using _ = live
  const id = { id: '', key: '{"freshet": "drop"}' }
  topic.append(...writer.changes(id, { ...id, op: 'd' }))
  await content({ a: 0, b: 0 })(live)
})
