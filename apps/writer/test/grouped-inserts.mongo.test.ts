import { afterAll, expect, test } from '@jest/globals'
import { eventually, openTestDatabase } from '@freshet/testkit'
import { collections, openWriter } from './support/open-writer.ts'

const db = await openTestDatabase({ own: true, collections })
const writer = await openWriter(db.uriFor('writer'))
afterAll(async () => {
  await writer[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})

const shop = db.admin.db('shop')
const products = shop.collection<{ readonly _id: string; readonly name: string; readonly n?: number }>(
  'products',
)

const admin = db.admin.db('admin')

async function insertCommands(): Promise<number> {
  const { metrics } = await admin.command({ serverStatus: 1 })
  return Number(metrics.commands.insert.total)
}

/** Holds what is inserted with these ids until it is disposed: the server waits for a transaction that has the same ids. */
async function holdInserts(ids: readonly string[]): Promise<AsyncDisposable> {
  const session = db.admin.startSession()
  session.startTransaction()
  await products.insertMany(
    ids.map((_id) => ({ _id, name: `held ${_id}` })),
    { session },
  )
  return {
    [Symbol.asyncDispose]: async () => {
      await session.abortTransaction()
      await session.endSession()
    },
  }
}

async function inFlight(): Promise<unknown> {
  const status = await (await fetch(`${writer.service.managementUrl}/statusz`)).json()
  return (status as { readonly inFlight: number }).inFlight
}

test('W10 each of many inserts at once gets its own answer, although others wait for a foreign transaction', async () => {
  await shop.command({ collMod: 'products', validator: { n: { $ne: 13 } } })
  await products.createIndex({ name: 1 }, { unique: true })
  await products.insertOne({ _id: 'there', name: 'there' })
  const held = ['w', 'x']
  const hold = await holdInserts(held)
  const before = await insertCommands()
  const first = held.map((id) => writer.send('POST', 'products', { body: { id, name: id } }))
  await eventually(async () => expect(await inFlight()).toBe(2))
  // Of ten: one is invalid, one has the name of another, two have the same id, one has an id that exists.
  const rounds = 9
  const answering = Array.from({ length: 10 * rounds }, async (_, index) => {
    const [kind, round] = [index % 10, Math.floor(index / 10)]
    const id = kind === 4 ? 'there' : kind === 3 ? `r${round}-2` : `r${round}-${kind}`
    const name = kind === 1 ? 'there' : `name-${index}`
    const body = { id, name, ...(kind === 0 && { n: 13 }) }
    return { kind, id, name, got: await writer.send('POST', 'products', { body }) }
  })
  const answers = await Promise.all(answering)
  expect(await inFlight()).toBe(2)
  await hold[Symbol.asyncDispose]()
  expect((await Promise.all(first)).map(({ status }) => status)).toEqual([201, 201])
  const statuses = (kind: number): readonly number[] =>
    answers.filter((answer) => answer.kind === kind).map(({ got }) => got.status)
  const all = (status: number): readonly number[] => Array.from({ length: rounds }, () => status)
  expect([statuses(0), statuses(1), statuses(4)]).toEqual([all(422), all(422), all(409)])
  for (const kind of [5, 6, 7, 8, 9]) expect(statuses(kind)).toEqual(all(201))
  // One of the two wins, whichever is first.
  const twins = statuses(2).map((status, round) =>
    [status, statuses(3)[round] ?? 0].toSorted((a, b) => a - b),
  )
  expect(twins).toEqual(Array.from({ length: rounds }, () => [201, 409]))
  const created = answers.filter(({ got }) => got.status === 201)
  for (const { got, id, name } of created) {
    expect(got.json).toMatchObject({ id, name })
    expect(await products.findOne({ _id: id })).toMatchObject({ name })
  }
  expect(await products.countDocuments()).toBe(created.length + 1 + held.length)
  expect((await insertCommands()) - before).toBeLessThan(held.length + 10 * rounds)
})
