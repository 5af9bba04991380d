import { expect, test } from '@jest/globals'
import { examineLog } from '../src/index.ts'
import { DebeziumWriter } from './support/debezium-writer.ts'
import { MemoryTopic, type Entry } from './support/memory-topic.ts'
import { MongoDbWriter } from './support/mongodb-writer.ts'

const set = (id: string, value: unknown) => ({ op: 'u', id, after: { id, value } }) as const

/** The names of what is missing in a log that is complete but for one change. */
async function missingIn(
  change: (log: { topic: MemoryTopic; writer: DebeziumWriter }) => void,
): Promise<readonly string[]> {
  const topic = new MemoryTopic()
  const writer = new DebeziumWriter(topic, { begins: 'with nothing' })
  change({ topic, writer })
  const { findings } = await examineLog(topic, () => Date.now(), 60_000, new AbortController().signal)
  for (const { stands, remedy } of findings) expect(remedy === undefined).toBe(stands)
  return findings.flatMap(({ name, stands }) => (stands ? [] : [name]))
}

const edited = (entries: readonly Entry[], edit: (text: string) => string): readonly Entry[] =>
  entries.map(([key, value]) => [
    edit(JSON.stringify(key)),
    value === undefined ? undefined : edit(JSON.stringify(value)),
  ])

test('L15 a log is examined: what is missing is named, with the setting', async () => {
  const complete = ({ topic, writer }: { topic: MemoryTopic; writer: DebeziumWriter }): void => {
    topic.append(...writer.snapshot([{ id: 'a', value: 1 }]))
    writer.commit(set('a', 2), set('b', 1))
    writer.beat()
  }
  expect(await missingIn(complete)).toEqual([])
  expect(await missingIn(() => undefined)).toEqual(['records', 'heartbeats', 'alive', 'one snapshot'])
  expect(await missingIn(({ writer }) => writer.commit(set('a', 2)))).toEqual(['heartbeats', 'one snapshot'])
  const found = async (entries: (writer: DebeziumWriter) => readonly Entry[]): Promise<readonly string[]> =>
    await missingIn((log) => {
      complete(log)
      log.topic.append(...entries(log.writer))
    })
  const one = (writer: DebeziumWriter): readonly Entry[] => writer.transaction(set('a', 3))
  expect(
    await found((writer) =>
      edited(one(writer), (text) => text.replace(/"transaction":\{[^}]*\}/, '"transaction":null')),
    ),
  ).toEqual(['transactions', 'nothing missing'])
  expect(
    await found((writer) => edited(one(writer), (text) => text.replace('"name":"app"', '"name":"x"'))),
  ).toEqual(['one connector', 'nothing missing'])
  expect(await found((writer) => one(writer).slice(2))).toEqual(['nothing missing'])
  expect(await found((writer) => writer.snapshot([{ id: 'a', value: 1 }]))).toEqual(['one snapshot'])
  expect(await found(() => [[{ id: 'a' }, { id: 'a', value: 1 }]])).toEqual(['format'])
  expect(await found((writer) => writer.transaction(set('a', '__debezium_unavailable_value')))).toEqual([
    'values of shop.public.products',
  ])
  expect(
    await found((writer) =>
      edited(one(writer), (text) => text.replace('{"id":"a","__', '{"id":"a","n":1,"__')),
    ),
  ).toEqual(['key of shop.public.products'])
})

test('L15 only a new snapshot is asked for if Debezium notifies that it has skipped one', async () => {
  const topic = new MemoryTopic()
  const writer = new DebeziumWriter(topic, { begins: 'with nothing' })
  topic.append(writer.notification('SKIPPED'))
  const { findings } = await examineLog(topic, () => Date.now(), 60_000, new AbortController().signal)
  const remedies = findings.flatMap(({ name, remedy }) => (name === 'one snapshot' ? [remedy] : []))
  expect(remedies).toEqual([expect.stringMatching(/^Take a new snapshot into a new topic/)])
  expect(remedies.join()).not.toMatch(/notification/)
})

test('L15 a row lacks a value until it is written again or deleted, and counts once', async () => {
  const topic = new MemoryTopic()
  const writer = new DebeziumWriter(topic, { begins: 'with nothing' })
  topic.append(...writer.snapshot([{ id: 'a', value: 1 }]))
  const lacking = async () => {
    const { findings } = await examineLog(topic, () => Date.now(), 60_000, new AbortController().signal)
    return findings.find(({ name }) => name === 'values of shop.public.products')
  }
  const without = (id: string) => set(id, '__debezium_unavailable_value')
  writer.commit(without('a'), without('a'), without('b'), without('c'))
  expect(await lacking()).toMatchObject({
    seen: '3 rows lack one',
    remedy: 'Run ALTER TABLE shop.public.products REPLICA IDENTITY FULL, and update the row.',
  })
  writer.commit(set('a', 2), { op: 'd', id: 'b' })
  expect(await lacking()).toMatchObject({ seen: '1 rows lack one' })
  writer.commit(set('c', 2))
  expect(await lacking()).toBeUndefined()
})

test('L15 what a log of MongoDB lacks is named with the setting, and each of its snapshots is counted', async () => {
  const topic = new MemoryTopic()
  const writer = new MongoDbWriter(topic)
  const examined = async () => {
    const { findings } = await examineLog(topic, () => Date.now(), 60_000, new AbortController().signal)
    return Object.fromEntries(
      findings.flatMap(({ name, stands, seen, remedy }) => (stands ? [] : [[name, remedy ?? seen]])),
    )
  }
  topic.append(...writer.changes({ id: 'a' }))
  writer.beats(2)
  expect(await examined()).toEqual({
    'one snapshot': expect.stringMatching(/^Take a new snapshot.*set notification/),
  })
  topic.append(...writer.snapshot({ id: 'a' }), ...writer.changes({ id: 'a' }))
  writer.beats(2)
  expect(await examined()).toEqual({})
  topic.append(...writer.snapshot({ id: 'a' }))
  expect(await examined()).toEqual({ 'one snapshot': expect.stringMatching(/new topic/) })
  topic.append(...writer.snapshot({ id: 'a' }).slice(2, 3))
  expect(await examined()).toMatchObject({
    'nothing missing': expect.stringMatching(/^Take a new snapshot.*set notification/),
  })
  topic.append(...edited(writer.changes({ id: 'a' }), (text) => text.replace('000,"ord"', '001,"ord"')))
  expect(await examined()).toMatchObject({ format: expect.stringMatching(/^Set cursor\.pipeline/) })
})
