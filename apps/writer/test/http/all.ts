import { afterAll } from '@jest/globals'
import type { HttpDatabase } from '../support/http-database.ts'
import { openWriter } from '../support/open-writer.ts'
import { testCauses } from './causes.ts'
import { testConditions } from './conditions.ts'
import { testOnce } from './once.ts'
import { testOutcomes } from './outcomes.ts'
import { testPatches } from './patches.ts'
import { testPositions } from './positions.ts'
import { testWrites } from './writes.ts'

/** The tests of requests that hold for every kind of database. Closes the database at the end. */
export async function testHttp(db: HttpDatabase): Promise<void> {
  const writer = await openWriter(db.uri, { argv: ['--reader-url=http://reader.example/'] })
  afterAll(async () => {
    await writer[Symbol.asyncDispose]()
    await db[Symbol.asyncDispose]()
  })
  const open = { db, writer }
  testWrites(open)
  testConditions(open)
  testPatches(open)
  testPositions(open)
  testCauses(open)
  testOnce(open)
  testOutcomes(open)
}
