import { afterAll, expect, test } from '@jest/globals'
import { ByteBudget, readConfig, systemClock, type Clock } from '@freshet/kit'
import { openTestDatabase, silentLog } from '@freshet/testkit'
import { BSON } from 'mongodb'
import { openBackend } from '../src/store/backend.ts'
import { writerOptions } from '../src/options.ts'
import { collections } from './support/open-writer.ts'

const db = await openTestDatabase({ collections })
afterAll(() => db[Symbol.asyncDispose]())

const products = db.admin.db('shop').collection<{ _id: string; name: string }>('products')
await products.insertOne({ _id: 'busy', name: 'x' })

/** Does not wait, and records the requested waits. */
class HastyClock implements Clock {
  readonly sleeps: number[] = []
  readonly now = () => systemClock.now()
  readonly wallMs = () => systemClock.wallMs()

  async sleep(ms: number): Promise<void> {
    // Waiting for a primary takes longer.
    if (ms < 1_000) this.sleeps.push(ms)
  }
}

/** What the writer's own store does with a document that another transaction keeps locked. */
async function meetConflict(): Promise<{ readonly looks: number; readonly sleeps: readonly number[] }> {
  const clock = new HastyClock()
  const config = readConfig(writerOptions, {
    argv: ['--database=shop'],
    env: { FRESHET_MONGODB_URI: db.uriFor('writer') },
    readFile: () => '',
  })
  const { store, parts } = openBackend(config, {
    clock,
    log: silentLog,
    inFlight: { budget: new ByteBudget({ maxBytes: 2 ** 26, clock }) },
  })
  await using session = db.admin.startSession()
  session.startTransaction()
  await products.updateOne({ _id: 'busy' }, { $set: { name: 'theirs' } }, { session })
  let looks = 0
  const ours = store.change({ collection: { stored: 'products', idType: 'string' }, id: 'busy' }, () => {
    looks += 1
    return { write: BSON.serialize({ _id: 'busy', name: 'ours' }), value: undefined }
  })
  await expect(ours).rejects.toMatchObject({ code: 'CONFLICT' })
  await session.abortTransaction()
  for (const part of parts) await part.stop()
  return { looks, sleeps: clock.sleeps }
}

test('a write that conflicts with another is retried for about a second, after growing and jittered pauses', async () => {
  const runs = [await meetConflict(), await meetConflict()]
  for (const { looks, sleeps } of runs) {
    expect(looks).toBe(16)
    expect(sleeps.slice(0, 5).map((ms) => 2 ** Math.ceil(Math.log2(ms)))).toEqual([4, 8, 16, 32, 64])
    for (const ms of sleeps.slice(5)) expect(Math.abs(ms - 75)).toBeLessThanOrEqual(25)
  }
  // Two conflicting writes must not stay in step.
  expect(runs[0]?.sleeps).not.toEqual(runs[1]?.sleeps)
})
