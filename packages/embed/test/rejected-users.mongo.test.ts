import { expect, test } from '@jest/globals'
import { openTestDatabase } from '@freshet/testkit'
import { asDocuments, openReplica } from '../src/index.ts'

test('E6 a user of MongoDB who may write is rejected, and the message says what to do', async () => {
  await using db = await openTestDatabase()
  const opened = openReplica({
    uri: db.uriFor('writer'),
    database: db.database,
    collections: { products: 'string' },
    encoder: asDocuments,
  })
  await expect(opened).rejects.toMatchObject({
    code: 'PRIVILEGE',
    message: expect.stringMatching(
      /^PRIVILEGE: user freshet-writer.* \(Give this process the reader role and nothing else; `freshet migrate` creates such a user\.\)$/,
    ),
  })
})
