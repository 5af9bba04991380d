import { expect, test } from '@jest/globals'
import { eventually, openTestDatabase, type TestDatabase } from '@freshet/testkit'
import { sourceIdOf } from '@freshet/mongodb-rules'
import type { SourceId } from '@freshet/protocol'
import type { Backend } from '../src/store/contract.ts'
import { collections, openWriter, type Got, type OpenWriter } from './support/open-writer.ts'

interface Control {
  readonly _id: string
  readonly timeline?: string
}

const controlOf = (db: TestDatabase) => db.admin.db('shop').collection<Control>('freshet')

const sourceIn = (got: Got): string | undefined => got.headers.get('freshet-position')?.slice(0, 8)

const merge = { 'content-type': 'application/merge-patch+json' }
const lenient = { prefer: 'handling=lenient' }

/** One write of each kind. */
function everyWay(writer: OpenWriter, n: number): Promise<readonly Got[]> {
  const body = { name: `${n}` }
  return Promise.all([
    writer.send('POST', 'products', { body }),
    writer.send('PUT', `products/p${n}`, { body }),
    writer.send('PUT', `products/p${n}l`, { headers: lenient, body }),
    writer.send('PUT', `products/p${n}m`, { headers: { 'if-none-match': '*' }, body }),
    writer.send('PATCH', 'products/p0', { headers: merge, body }),
    writer.send('DELETE', `products/p${n}l`),
  ])
}

/** Ways to remove the source, each with a way to restore it. */
const losses: Readonly<Record<string, (db: TestDatabase) => Promise<unknown>>> = {
  'the database is dropped': (db) => db.admin.db('shop').dropDatabase({ writeConcern: { w: 'majority' } }),
  'the control collection is dropped': (db) => controlOf(db).drop({ writeConcern: { w: 'majority' } }),
  'the source document is deleted': (db) => controlOf(db).deleteOne({ _id: 'source' }),
  'the source document has no timeline': (db) =>
    controlOf(db).updateOne({ _id: 'source' }, { $unset: { timeline: 1 } }),
}

/** Answers that were sent after the loss, or whose writes were still running then, and that name the old source. */
async function answersAfter(
  loss: (db: TestDatabase) => Promise<unknown>,
  over: (backend: Backend) => Backend = (backend) => backend,
): Promise<{ readonly old: number; readonly statuses: readonly number[] }> {
  await using db = await openTestDatabase({ collections })
  await using writer = await openWriter(db.uriFor('writer'), { over })
  const { source } = await writer.status()
  const after: Got[] = []
  let lost = false
  const ending = new AbortController()
  const work = async (worker: number): Promise<void> => {
    for (let n = worker; !ending.signal.aborted; n += 4) {
      // Only requests sent after the source was gone count.
      const counts = lost
      const answers = await everyWay(writer, n)
      if (counts) after.push(...answers)
    }
  }
  const workers = Array.from({ length: 4 }, (_, worker) => work(worker))
  await eventually(async () => expect((await writer.status())['writes']).toBeGreaterThan(100))
  await loss(db)
  lost = true
  await eventually(() => expect(after.length).toBeGreaterThan(200))
  ending.abort()
  await Promise.all(workers)
  return {
    old: after.filter((got) => sourceIn(got) === source).length,
    statuses: [...new Set(after.map(({ status }) => status))],
  }
}

test.each(Object.entries(losses))(
  'W2 %s: from then on no answer has a position of the old source, and writes are refused',
  async (_what, loss) => {
    const { old, statuses } = await answersAfter(loss)
    expect(old).toBe(0)
    // Running writes are 504: they may be stored, in no known history.
    expect(statuses.filter((status) => status !== 503 && status !== 504)).toEqual([])
    expect(statuses).toContain(503)
  },
)

test('W1 control: a writer that relies on an older check answers with positions of a history that is over', async () => {
  const { old } = await answersAfter(
    (db) => controlOf(db).deleteOne({ _id: 'source' }),
    (backend) => {
      let first: Promise<SourceId | undefined> | undefined
      const source = () => (first ??= backend.control.source())
      return {
        ...backend,
        control: { ...backend.control, source, beat: (seen) => backend.control.beat(seen) },
      }
    },
  )
  expect(old).toBeGreaterThan(0)
})

test('W2 a writer whose database lost its source says so, is not ready, and adopts the next source once there is one', async () => {
  await using db = await openTestDatabase({ collections })
  await using writer = await openWriter(db.uriFor('writer'))
  const { source: before } = await writer.status()
  await writer.send('PUT', 'products/p', { body: { name: 'x' } })
  await db.admin.db('shop').dropDatabase()
  const readyz = async (): Promise<unknown> => {
    const response = await fetch(`${writer.service.managementUrl}/readyz`)
    return [response.status, await response.json()]
  }
  await eventually(async () =>
    expect(await readyz()).toEqual([
      503,
      { ok: false, why: 'the database has no source document: run freshet migrate' },
    ]),
  )
  const refused = await writer.send('PUT', 'products/p', { body: { name: 'y' } })
  expect(refused.json).toMatchObject({
    status: 503,
    type: 'https://freshet.dev/problems/source-unknown',
    detail: expect.stringContaining('Nothing was written'),
  })
  expect(await db.admin.db('shop').collection('products').countDocuments()).toBe(0)
  await eventually(async () => expect(await writer.status()).toMatchObject({ heartbeatFailing: true }))
  await controlOf(db).insertMany([{ _id: 'source', timeline: 'the next one' }, { _id: 'heartbeat' }])
  await eventually(async () => {
    const got = await writer.send('PUT', 'products/p', { body: { name: 'y' } })
    expect([got.status, sourceIn(got)]).toEqual([expect.any(Number), sourceIdOf('the next one')])
  })
  expect(sourceIdOf('the next one')).not.toBe(before)
  await eventually(async () => expect(await readyz()).toEqual([200, { ok: true }]))
})

test('W1 the source changes during writes: each answer names the history that its write is in', async () => {
  await using db = await openTestDatabase({ collections })
  await using writer = await openWriter(db.uriFor('writer'))
  const { source: before } = await writer.status()
  const after: Got[] = []
  let renamed = false
  const ending = new AbortController()
  const work = async (worker: number): Promise<void> => {
    for (let n = worker; !ending.signal.aborted; n += 4) {
      const counts = renamed
      const answers = await everyWay(writer, n)
      if (counts) after.push(...answers)
    }
  }
  const workers = Array.from({ length: 4 }, (_, worker) => work(worker))
  await eventually(async () => expect((await writer.status())['writes']).toBeGreaterThan(100))
  await controlOf(db).replaceOne({ _id: 'source' }, { timeline: 'renamed' })
  renamed = true
  await eventually(() =>
    expect(after.filter((got) => sourceIn(got) === sourceIdOf('renamed')).length).toBeGreaterThan(100),
  )
  ending.abort()
  await Promise.all(workers)
  expect(after.filter((got) => sourceIn(got) === before)).toEqual([])
})
