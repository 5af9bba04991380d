import { systemClock } from '@freshet/kit'
import { parseSourceId, type SourceId } from '@freshet/protocol'
import { describeChangeSource, type BenchWrite, type SourceBench } from '../src/conformance/index.ts'
import { FencedReads, MemoryLog, MemorySource, SnapshotReads, type MemoryWrite } from '../src/memory/index.ts'

const collection = 'products'

function sourceOf(text: string): SourceId {
  const id = parseSourceId(text)
  if (id === undefined) throw new Error(`expected a source, got '${text}'`)
  return id
}

function written(write: BenchWrite): MemoryWrite {
  const { id } = write
  if (write.kind === 'delete') return { kind: 'delete', collection, id }
  const document = Buffer.from(String(write.value))
  return { kind: write.kind === 'upsert' ? 'upsert' : 'invalidate', collection, id, document }
}

type Reading = (source: MemorySource) => Pick<SourceBench, 'reads' | 'hold'>

const parts = { id: sourceOf('00000001'), clock: systemClock, idleMs: 5 }

function openBench(source: MemorySource, reading: Reading): Promise<SourceBench> {
  const commit = (...writes: readonly MemoryWrite[]): Promise<void> => {
    source.commit(writes)
    return Promise.resolve()
  }
  return Promise.resolve({
    source,
    ...reading(source),
    collection,
    valueOf: (document) => Number(Buffer.from(document).toString()),
    write: (...writes) => commit(...writes.map(written)),
    writeElsewhere: () => commit(),
    drop: () => commit({ kind: 'drop-collection', collection }),
    cut: () => Promise.resolve(source.cut()),
    becomeAnother: () => Promise.resolve(source.becomeAnother(sourceOf('00000002'))),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  })
}

describeChangeSource('a memory source with snapshot reads', () =>
  openBench(new MemorySource(parts), (source) => ({ reads: new SnapshotReads(source) })),
)

describeChangeSource('a memory source with current reads only', () =>
  openBench(new MemorySource(parts), (source) => {
    const reads = new FencedReads(source)
    return { reads, hold: () => reads.hold() }
  }),
)

describeChangeSource('a memory source that is a log', () => openBench(new MemoryLog(parts), () => ({})))
