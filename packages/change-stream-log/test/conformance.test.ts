import { describeChangeSource, type BenchWrite, type SourceBench } from '@freshet/change-stream/conformance'
import { systemClock } from '@freshet/kit'
import { silentLog } from '@freshet/testkit'
import { LogSource } from '../src/index.ts'
import { DebeziumWriter, type Write } from './support/debezium-writer.ts'
import { MemoryTopic } from './support/memory-topic.ts'

const collection = 'products'

function written(write: BenchWrite): Write {
  const { id } = write
  if (write.kind === 'delete') return { op: 'd', id }
  return { op: write.kind === 'upsert' ? 'c' : 'u', id, after: { id, value: write.value } }
}

/** A log in memory, in chunks of a few records, so that transactions are in several. */
function openBench(schemas: boolean): Promise<SourceBench> {
  const topic = new MemoryTopic()
  topic.chunk = 7
  const writer = new DebeziumWriter(topic, { schemas })
  const beats = setInterval(() => writer.beat(), 10)
  const done = (): Promise<void> => Promise.resolve()
  const source = new LogSource({
    transport: topic,
    database: 'shop',
    collections: new Map([[collection, 'string']]),
    clock: systemClock,
    log: silentLog,
  })
  return Promise.resolve({
    source,
    collection,
    valueOf: (document) => JSON.parse(Buffer.from(document).toString()).value,
    write: (...writes) => done().then(() => writer.commit(...writes.map(written))),
    writeElsewhere: () =>
      done().then(() => writer.commit({ table: 'elsewhere', op: 'c', id: 'x', after: { id: 'x' } })),
    drop: () => done().then(() => writer.commit({ op: 't' })),
    cut: () => done().then(() => topic.cut()),
    becomeAnother: async () => {
      await done()
      topic.recreate()
      topic.append(...writer.snapshot([]))
    },
    [Symbol.asyncDispose]: () => done().then(() => clearInterval(beats)),
  })
}

describeChangeSource('a log of Debezium', () => openBench(false))
describeChangeSource('a log of Debezium with schemas', () => openBench(true))
