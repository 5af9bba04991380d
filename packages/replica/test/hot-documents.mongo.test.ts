import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ABSENT } from '@freshet/cache'
import { eventually, openTestDatabase, type TestDatabase } from '@freshet/testkit'
import type { Answer, Replica } from '../src/contract.ts'
import type { Parsed } from './support/mongo/parsed.ts'
import { ReplicaError } from '../src/errors.ts'
import { NeverAnswersFromThePast } from './support/broken.ts'
import { overtaken } from './support/mongo/faulty-connection.ts'
import { openReplica, type OpenReplicaOptions } from './support/mongo/open-replica.ts'
import { timestampOf } from './support/mongo/positions.ts'

let db: TestDatabase

beforeAll(async () => {
  db = await openTestDatabase()
})
afterAll(async () => {
  await db[Symbol.asyncDispose]()
})

interface Counter {
  readonly _id: string
  readonly value: number
}

/** Visible to the feed immediately, not only at the next journal flush. */
const durable = { writeConcern: { w: 'majority', j: true } } as const

/** Reads a document that another program updates in place before each read returns. */
async function readHot(
  reads: number,
  waitMs: number,
  given: OpenReplicaOptions,
): Promise<readonly (Answer<Parsed> | string)[]> {
  const counters = db.admin.db(db.database).collection<Counter>('products')
  await counters.replaceOne({ _id: 'hot' }, { value: 0 }, { upsert: true })
  let following: Replica<Parsed> | undefined
  const update = async (): Promise<void> => {
    const before = following?.at ?? ''
    await counters.updateOne({ _id: 'hot' }, { $inc: { value: 1 } }, durable)
    await eventually(() => expect((following?.at ?? '') > before).toBe(true), { everyMs: 1 })
  }
  await using replica = await openReplica(db, { wrapReads: overtaken('products', update), ...given })
  following = replica
  await update()
  const answers: (Answer<Parsed> | string)[] = []
  for (let n = 0; n < reads; n += 1)
    answers.push(await readOnce(() => replica.get('products', 'hot', { waitMs })))
  return answers
}

async function readOnce(read: () => Promise<Answer<Parsed>>): Promise<Answer<Parsed> | string> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof ReplicaError)) throw error
    return error.code
  }
}

async function valueAt({ at }: Answer<Parsed>): Promise<unknown> {
  const readConcern = { level: 'snapshot', atClusterTime: timestampOf(at) }
  const command = { find: 'products', filter: { _id: 'hot' }, readConcern }
  const reply = await db.admin.db(db.database).command(command)
  return reply['cursor'].firstBatch[0].value
}

test('R6 a document updated faster than it can be read is answered at the position of a read', async () => {
  const answers = await readHot(20, 60_000, {})
  expect(answers.filter((answer) => typeof answer === 'string')).toEqual([])
  const given = answers.filter((answer) => typeof answer !== 'string')
  expect(given.every(({ stored }) => !stored)).toBe(true)
  for (const answer of given) {
    const [value = ABSENT] = answer.values
    expect(value === ABSENT ? undefined : value.document['value']).toBe(await valueAt(answer))
  }
  const positions = given.map(({ at }) => at)
  expect(positions).toEqual(positions.toSorted())
})

test('R6 the same reads time out if overtaken documents are never returned', async () => {
  const cache: OpenReplicaOptions['cache'] = (options) => new NeverAnswersFromThePast(options)
  expect(await readHot(2, 1_000, { cache })).toEqual(['UNAVAILABLE', 'UNAVAILABLE'])
})
