import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { SourceReads } from '@freshet/change-stream'
import type { TestDatabase } from '@freshet/postgres'
import { POSITION_ZERO, type IdType, type Position } from '@freshet/protocol'
import { openDatabase } from './support/open-database.ts'
import { openSource } from './support/open-source.ts'

const collections: ReadonlyMap<string, IdType> = new Map([['counters', 'integer']])

let db: TestDatabase

beforeAll(async () => {
  db = await openDatabase({
    collections,
    tables: ['create table counters (id integer primary key, value integer)'],
  })
  await db.admin.query('insert into counters select n, 0 from generate_series(0, 7) n')
}, 60_000)
afterAll(async () => {
  await db[Symbol.asyncDispose]()
})

interface Seen {
  readonly reads: number
  readonly behind: number
  /** Documents that were older than the feed. */
  readonly stale: number
}

const commitsTogether = 200

/** Counts up in each row, one commit each, until it is stopped. */
async function count(ids: readonly number[], stopped: () => boolean): Promise<void> {
  const client = await db.connect()
  const commits = Array.from({ length: commitsTogether }, (_, n) => {
    const id = ids[n % ids.length]
    return `begin; update counters set value = value + 1 where id = ${id}; commit`
  })
  while (!stopped()) await client.query(commits.join(';'))
  await client.end()
}

/** Reads each document the moment its commit is in the feed. */
async function readAtOnce(
  wrap: (reads: SourceReads) => Pick<SourceReads, 'read'>,
  enough: (seen: Seen) => boolean,
): Promise<Seen> {
  await using opened = openSource(db, collections)
  const { signal } = new AbortController()
  const reads = wrap(opened.reads)
  const origin = await opened.source.start(signal)
  const seen = { reads: 0, behind: 0, stale: 0 }
  const valueOf = (document: Uint8Array): number => JSON.parse(Buffer.from(document).toString()).value
  let stopped = false
  const counting = [0, 4].map((from) => count([from, from + 1, from + 2, from + 3], () => stopped))
  try {
    for await (const { changes, through } of opened.source.read(origin, signal)) {
      const change = changes.at(-1)
      if (change?.kind !== 'upsert') continue
      const reported = valueOf(change.document)
      const reply = await reads.read(through, 'counters', [change.id], signal)
      seen.reads += 1
      if (reply.kind === 'behind-feed') seen.behind += 1
      else if (valueOf(reply.documents.get(change.id) ?? Buffer.from('{"value":-1}')) < reported)
        seen.stale += 1
      if (enough(seen)) break
    }
  } finally {
    stopped = true
    await Promise.all(counting)
  }
  return seen
}

test('P16 a read shows everything that the feed has reported, or says that it does not', async () => {
  const seen = await readAtOnce(
    (reads) => reads,
    ({ reads, behind }) => reads >= 1_000 && behind > 0,
  )
  process.stderr.write(`${JSON.stringify(seen)}\n`)
  expect(seen.stale).toBe(0)
})

test('P16 the same reads without the lower bound are detected', async () => {
  const withoutBound = (reads: SourceReads): Pick<SourceReads, 'read'> => ({
    read: (_position: Position, ...others) => reads.read(POSITION_ZERO, ...others),
  })
  const seen = await readAtOnce(withoutBound, ({ stale }) => stale > 0)
  process.stderr.write(`${JSON.stringify(seen)}\n`)
  expect(seen.stale).toBeGreaterThan(0)
})
