import { afterAll, expect, test } from '@jest/globals'
import { CutProxy, openTestDatabase, type TestDatabase } from '@freshet/testkit'
import { sourceIdOf } from '@freshet/mongodb-rules'
import type { SourceId } from '@freshet/protocol'
import type { Backend } from '../src/store/contract.ts'
import type { HeartbeatState } from '../src/store/contract.ts'
import { collections, openWriter } from './support/open-writer.ts'

const passwords = { 'freshet-writer': 'the same on both' } as const
const first = await openTestDatabase({ own: true, collections, passwords })
const second = await openTestDatabase({ own: true, collections, passwords })
afterAll(async () => {
  await first[Symbol.asyncDispose]()
  await second[Symbol.asyncDispose]()
})

const portOf = (db: TestDatabase): number => db.servers.members[0]?.port ?? 0

async function sourceOf(db: TestDatabase): Promise<string> {
  const control = db.admin.db('shop').collection<{ _id: string; timeline: string }>('freshet')
  const source = await control.findOne({ _id: 'source' })
  return String(sourceIdOf(String(source?.timeline)))
}

/** Writes while the address alternates between two servers; counts the answers that name the wrong one. */
async function wrongAnswers(over: (backend: Backend) => Backend): Promise<{ right: number; wrong: number }> {
  await using proxy = await CutProxy.open(portOf(first))
  await using writer = await openWriter(proxy.uriThrough(first.uriFor('writer')), { over })
  const counts = { right: 0, wrong: 0 }
  const names = [await sourceOf(first), await sourceOf(second)]
  expect(names[0]).not.toBe(names[1])
  const write = async (id: string): Promise<void> => {
    const got = await writer.send('POST', 'products', { body: { id, name: id } })
    if (got.status !== 201) return
    const stored = [first, second].map((db) =>
      db.admin.db('shop').collection<{ _id: string }>('products').findOne({ _id: id }),
    )
    const place = (await Promise.all(stored)).findIndex((found) => found !== null)
    const named = got.headers.get('freshet-position')?.slice(0, 8)
    if (named === names[place]) counts.right++
    else counts.wrong++
  }
  for (let turn = 0; turn < 6; turn++) {
    proxy.redirectTo(portOf(turn % 2 === 0 ? second : first))
    const wanted = counts.right + counts.wrong + 20
    for (let count = 0; counts.right + counts.wrong < wanted; count++)
      await write(`w${Date.now()}-${turn}-${count}`)
  }
  return counts
}

test('W1 no answer names the source of a server that the address led to before', async () => {
  const { right, wrong } = await wrongAnswers((backend) => backend)
  expect(wrong).toBe(0)
  expect(right).toBeGreaterThanOrEqual(120)
})

test('W1 control: a writer that ignores broken connections and skips checks names the wrong source', async () => {
  const { wrong } = await wrongAnswers((backend) => {
    let first: Promise<SourceId | undefined> | undefined
    const source = () => (first ??= backend.control.source())
    const control = { source, beat: (seen: HeartbeatState | undefined) => backend.control.beat(seen) }
    return { ...backend, control, onBroken: () => undefined }
  })
  expect(wrong).toBeGreaterThan(0)
})
