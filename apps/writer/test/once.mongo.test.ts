import { afterAll, expect, test } from '@jest/globals'
import { openKeyedWriter, problem } from './support/keyed-writer.ts'

const { db, sender, products, close } = await openKeyedWriter()
afterAll(close)

test('a repetition of a running request is 409 in-progress; afterwards it is replayed', async () => {
  const send = sender()
  const sent = { body: { name: 'slow' } }
  const statuses: number[] = []
  {
    const block = { failCommands: ['commitTransaction'], appName: 'freshet-writer', blockConnection: true }
    await using _ = await db.failPoint('failCommand', { times: 1 }, { ...block, blockTimeMS: 3_000 })
    const answers = await Promise.all([1, 2, 3].map(() => send('POST', 'products', sent)))
    for (const { status, json } of answers.toSorted((a, b) => a.status - b.status)) {
      statuses.push(status)
      if (status === 409) expect(json).toMatchObject({ ...problem('in-progress'), retryable: true })
    }
  }
  expect(statuses).toEqual([201, 409, 409])
  expect((await send('POST', 'products', sent)).headers.get('idempotency-replayed')).toBe('true')
  expect(await products.countDocuments({ name: 'slow' })).toBe(1)
})
