import { afterAll, expect, test } from '@jest/globals'
import { renameTimeline } from '@freshet/migration'
import { eventually, failPoint } from '@freshet/testkit'
import { openAuditedRun } from './support/audited-run.ts'

const run = await openAuditedRun(2)
afterAll(() => run[Symbol.asyncDispose]())

interface Giant {
  readonly _id: string
  readonly numbers?: readonly number[]
  readonly text?: string
}
const giants = run.db.admin.db('shop').collection<Giant>('products')
const right = { outcome: 'right', wrong: 0, examples: [] }

/** Number of documents that the audit has requested from each reader. */
async function asked(): Promise<readonly number[]> {
  return await Promise.all(
    run.management.map(async (url) => {
      const text = await (await fetch(`${url}/metrics`)).text()
      const counts = text.matchAll(/^freshet_replica_(?:hits|misses)_total (\d+)$/gm)
      return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
    }),
  )
}

/** Waits until the audit has requested this many more documents from every reader. */
async function untilAsked(more: number): Promise<void> {
  const before = await asked()
  await eventually(async () => {
    for (const [at, count] of (await asked()).entries())
      expect(count).toBeGreaterThanOrEqual((before[at] ?? 0) + more)
  })
}

/** Waits until every reader has adopted the current timeline of the database. */
async function untilAllFollow(): Promise<void> {
  const { source } = await run.truth.now()
  for (const url of run.readers)
    await eventually(async () => {
      const { headers } = await fetch(`${url}/v1/products/p-1`)
      expect(headers.get('freshet-position')).toMatch(new RegExp(`^${source}\\.`))
    })
}

test('P2 honest readers pass through an election and two new timelines, after which every reader starts over', async () => {
  const before = await run.truth.now()
  const disturb = async (): Promise<void> => {
    await untilAsked(200)
    await renameTimeline(run.db.adminUri, 'shop')
    await untilAllFollow()
    await untilAsked(200)
    await run.db.stepDown()
    await renameTimeline(run.db.adminUri, 'shop')
    await untilAllFollow()
    await untilAsked(200)
  }
  const enough = new AbortController()
  const [summary] = await Promise.all([
    run.audit(run.readers, enough.signal),
    disturb().finally(() => enough.abort()),
  ])
  expect(summary).toMatchObject(right)
  const after = await run.truth.now()
  expect(after.source).not.toBe(before.source)
})

test('P2 a reader whose source starts during the audit passes', async () => {
  const renamed = renameTimeline(run.db.adminUri, 'shop')
  expect(await run.audit(run.readers, 2_000)).toMatchObject(right)
  await renamed
})

test('P2 P8 honest readers pass while only the heartbeat writes', async () => {
  run.moving.state.paused = true
  expect(await run.audit(run.readers, 4_000)).toMatchObject(right)
  run.moving.state.paused = false
})

test('P2 a reader with a delayed feed reports it in Age and passes', async () => {
  await using _ = await failPoint(
    run.db.admin,
    'failCommand',
    { times: 200 },
    {
      failCommands: ['getMore'],
      errorCode: 6,
      appName: 'freshet reader',
    },
  )
  expect(await run.audit(run.readers, 6_000)).toMatchObject({ wrong: 0, examples: [] })
})

test('P2 documents of almost 16 MiB, and multi-gets of more than that, pass', async () => {
  const ids = Array.from({ length: 10 }, (_, n) => `numbers-${n}`)
  for (const [n, _id] of ids.entries())
    await giants.insertOne({ _id, numbers: Array.from({ length: 250_000 }, (_, at) => (at + n) % 10) })
  await giants.insertOne({ _id: 'text', text: 'x'.repeat(16 * 2 ** 20 - 64) })
  const position = (await run.truth.now()).position
  const known = await run.truth.at(position, 'products', ids)
  if (known.kind === 'unknown') throw new Error(known.reason)
  expect(known.documents.size).toBe(10)
  const summary = await run.audit(run.readers, 5_000)
  expect(summary).toMatchObject({ wrong: 0, examples: [] })
  // The decisive question: all of them at once, from one reader.
  const [reader = ''] = run.readers
  await eventually(async () => {
    const answer = await fetch(`${reader}/v1/products?ids=${ids.join()}`)
    expect(answer.status).toBe(200)
    expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(10 * 500_000)
  })
  expect(await run.ask(reader, { collection: 'products', ids, form: 'several', method: 'GET' })).toEqual({
    kind: 'right',
  })
  await giants.deleteMany({ _id: { $in: [...ids, 'text'] } })
})
