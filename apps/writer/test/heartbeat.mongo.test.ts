import { afterAll, expect, test } from '@jest/globals'
import { eventually, openTestDatabase } from '@freshet/testkit'
import { collections, openWriter } from './support/open-writer.ts'

const db = await openTestDatabase({ collections })
afterAll(() => db[Symbol.asyncDispose]())

test('an idle writer moves the heartbeat, again and again', async () => {
  await using stream = db.admin.db('shop').collection('freshet').watch()
  const beats: Date[] = []
  stream.on('change', (event) => {
    if (event.operationType === 'update') beats.push(event.updateDescription.updatedFields?.['at'] as Date)
  })
  await using _ = await openWriter(db.uriFor('writer'))
  await eventually(() => expect(beats.length).toBeGreaterThanOrEqual(4))
  for (const [index, beat] of beats.slice(1).entries())
    expect(beat.getTime() - (beats[index]?.getTime() ?? 0)).toBeGreaterThanOrEqual(250)
})
