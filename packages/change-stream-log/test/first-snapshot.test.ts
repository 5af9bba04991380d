import { describe, expect, test } from '@jest/globals'
import { DebeziumWriter, type WriterOptions } from './support/debezium-writer.ts'
import { MemoryTopic } from './support/memory-topic.ts'
import { FollowedTable } from './support/table.ts'

const set = (id: string, value: unknown) => ({ op: 'u', id, after: { id, value } }) as const
const rows = (...ids: readonly string[]) => ids.map((id) => ({ id, value: 1 }))

/** A log of a connector that keeps its place. */
function opened(options: WriterOptions = {}): {
  readonly topic: MemoryTopic
  readonly writer: DebeziumWriter
} {
  const topic = new MemoryTopic()
  return { topic, writer: new DebeziumWriter(topic, { ...options, begins: 'with nothing' }) }
}

/** Expects that nothing of a log is shown until a new snapshot, which then is. */
async function refused(
  { topic, writer }: ReturnType<typeof opened>,
  code: string,
  reason: RegExp,
): Promise<void> {
  await using table = new FollowedTable(topic)
  await table.failed(code)
  expect(table.reasons.join()).toMatch(reason)
  expect(table.shown).toEqual([])
  topic.append(...writer.snapshot(rows('a', 'b')))
  await table.reached()
  expect(table.shown).toEqual(['{"a":1,"b":1}'])
}

describe.each(['postgresql', 'mysql', 'mariadb'] as const)('a log of %s', (connector) => {
  test('L5 is not shown without a snapshot before its changes: it was created anew, and the connector kept its place', async () => {
    const log = opened({ connector })
    log.topic.append(log.writer.notification('SKIPPED'))
    log.writer.commit(set('a', 1))
    await refused(
      log,
      'CONTENT_UNKNOWN',
      /begins with a snapshot, got none \(Take a new snapshot(?!.*notification)/,
    )
  })

  test('L5 is not shown if the snapshot has read no table, as without data', async () => {
    const log = opened({ connector })
    for (const type of ['STARTED', 'COMPLETED']) log.topic.append(log.writer.notification(type))
    log.writer.beat()
    await refused(log, 'CONTENT_UNKNOWN', /has read no table.*snapshot\.mode/)
  })

  test('L5 is not shown if Debezium was killed when the snapshot had just begun, and then passed over it', async () => {
    const log = opened({ connector })
    for (const type of ['STARTED', 'SKIPPED']) log.topic.append(log.writer.notification(type))
    await refused(
      log,
      'CONTENT_UNKNOWN',
      /has not been completed \(Look at the log of the connector first.*SELECT/,
    )
  })

  test('L9 is refused if its snapshot is not announced', async () => {
    const log = opened({ connector })
    log.topic.append(...log.writer.snapshot(rows('a')).slice(2, 3))
    log.writer.commit(set('a', 1))
    await using table = new FollowedTable(log.topic)
    await table.failed('UNSUPPORTED')
    expect(table.reasons.join()).toMatch(
      /a notification of the snapshot.*notification\.enabled\.channels=sink/,
    )
    expect(table.shown).toEqual([])
  })
})

test('L5 heartbeats alone do not show that there are no rows', async () => {
  const log = opened()
  for (let beat = 0; beat < 3; beat += 1) log.writer.beat()
  await refused(log, 'CONTENT_UNKNOWN', /begins with a snapshot/)
})

test('L5 a compacted log keeps its snapshot’s beginning and end, and is not shown without', async () => {
  const log = opened()
  for (let value = 0; value < 20; value += 1) log.writer.commit(set('a', value), set('b', value))
  log.topic.compact()
  await refused(log, 'CONTENT_UNKNOWN', /begins with a snapshot/)
  log.writer.commit(set('a', 2), set('b', 2))
  log.topic.compact()
  await using table = new FollowedTable(log.topic)
  await table.reached()
  expect(table.shown).toEqual(['{"a":2,"b":2}'])
})

test('L7 a snapshot that a crash has cut, and that reads other rows when it is taken again, shows only these', async () => {
  const { topic, writer } = opened()
  topic.append(...writer.snapshot(rows('a', 'x')).slice(0, 4))
  topic.append(...writer.snapshot(rows('a', 'b')))
  await using table = new FollowedTable(topic)
  await table.reached()
  expect(table.shown).toEqual(['{"a":1,"b":1}'])
})

test('L7 a snapshot that a crash has cut, and that reads no row when it is taken again, is not guessed', async () => {
  const { topic, writer } = opened()
  topic.append(...writer.snapshot(rows('x')).slice(0, 3), ...writer.snapshot([]))
  writer.commit(set('a', 1))
  await refused({ topic, writer }, 'UNSUPPORTED', /rows of 'products' in the latest snapshot/)
})
