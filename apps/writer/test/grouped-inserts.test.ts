import { beforeEach, expect, jest, test } from '@jest/globals'
import { positionOf, type Position } from '@freshet/protocol'
import { eventually } from '@freshet/testkit'
import {
  BSON,
  MongoNetworkError,
  MongoServerError,
  MongoWriteConcernError,
  Timestamp,
  type Document,
} from 'mongodb'
import { GroupedInserts } from '../src/store/mongodb/grouped-inserts.ts'

const at = positionOf(7, 1)
const ok = { ok: 1, operationTime: new Timestamp({ t: 7, i: 1 }) }
const duplicate = (index: number) => ({ index, code: 11000, keyPattern: { _id: 1 } })
const notUnique = (index: number) => ({ index, code: 11000, keyPattern: { name: 1 } })
const invalid = (index: number) => ({ index, code: 121 })

interface Sent {
  readonly ids: readonly string[]
  readonly resolve: (reply: Document) => void
  readonly reject: (error: unknown) => void
}

/** The commands, none of which is answered by itself. */
let sent: Sent[]
let latestPosition: () => Promise<Position>
let inserts: GroupedInserts
beforeEach(() => {
  sent = []
  latestPosition = () => Promise.reject(new Error('it is not needed'))
  const run = ({ documents: { chunks } }: Document): Promise<Document> =>
    new Promise((resolve, reject) => {
      const ids = chunks.slice(1).map((bytes: Uint8Array) => BSON.deserialize(bytes)['_id'])
      sent.push({ ids, resolve, reject })
    })
  inserts = new GroupedInserts({
    run,
    repeatable: () => ({ run, [Symbol.asyncDispose]: () => Promise.resolve() }),
    acknowledgeWithinMs: 5_000,
    latestPosition: () => latestPosition(),
  })
})

const insert = (id: string, bytes = 0): Promise<unknown> =>
  inserts
    .insert('products', BSON.serialize({ _id: id, name: 'x'.repeat(bytes) }))
    .then(({ outcome, ...rest }) => ({ id, outcome, at: rest.at }))
    .catch(({ code }: { readonly code: string }) => ({ id, code }))

/** Two commands of one document each, so that these wait for the third. */
async function insertGroup(...ids: readonly string[]): Promise<{ group: Sent; results: Promise<unknown[]> }> {
  const first = ['w', 'x'].map((id) => insert(id))
  const results = Promise.all(ids.map((id) => insert(id)))
  for (const { resolve } of sent) resolve(ok)
  await Promise.all(first)
  const [, , group] = sent
  if (group === undefined) throw new Error('expected a third command')
  expect(group.ids).toEqual(ids)
  return { group, results }
}

test('W10 two commands run at a time, and what waits for them shares the next one', async () => {
  const { group, results } = await insertGroup('a', 'b', 'c')
  expect(sent.map(({ ids }) => ids)).toEqual([['w'], ['x'], ['a', 'b', 'c']])
  group.resolve(ok)
  expect(await results).toEqual(['a', 'b', 'c'].map((id) => ({ id, outcome: 'created', at })))
})

test('W10 a command that takes long makes room for another, up to 16, and the wait for one is limited', async () => {
  jest.useFakeTimers()
  try {
    const first = ['w', 'x'].map((id) => insert(id))
    const blocked = [insert('b2')]
    expect(sent).toHaveLength(2)
    await jest.advanceTimersByTimeAsync(20)
    for (let n = 3; n < 16; n += 1) {
      blocked.push(insert(`b${n}`))
      await jest.advanceTimersByTimeAsync(20)
    }
    expect(sent.map(({ ids }) => ids.length)).toEqual(Array.from({ length: 16 }, () => 1))
    const [late, next] = [insert('late'), insert('next')]
    await jest.advanceTimersByTimeAsync(1_990)
    const latest = insert('latest')
    expect(sent).toHaveLength(16)
    await jest.advanceTimersByTimeAsync(20)
    const crowded = (id: string) => ({ id, code: 'CROWDED' })
    expect(await Promise.all([late, next])).toEqual([crowded('late'), crowded('next')])
    // One of the 16 ends, so what still waits is sent, and the others have their own answers.
    for (const { resolve } of sent.slice(0, 2)) resolve(ok)
    await Promise.all(first)
    expect(sent.slice(16).map(({ ids }) => ids)).toEqual([['latest']])
    for (const { resolve } of sent) resolve(ok)
    for (const answer of await Promise.all([...blocked, latest])) expect(answer).toMatchObject({ at })
    expect(jest.getTimerCount()).toBe(0)
  } finally {
    jest.useRealTimers()
  }
})

test('W10 a command has at most 100 documents and 256 KiB, or one larger document', async () => {
  for (const id of ['w', 'x']) void insert(id)
  for (let n = 0; n < 101; n += 1) void insert(`n${n}`)
  for (const id of ['a', 'b', 'c']) void insert(id, 100_000)
  for (const id of ['d', 'e']) void insert(id, 300_000)
  const answered = new Set<Sent>()
  while (answered.size < sent.length)
    for (const one of sent) {
      answered.add(one)
      one.resolve(ok)
      await new Promise(setImmediate)
    }
  expect(sent.slice(2).map(({ ids }) => ids.length)).toEqual([100, 3, 1, 1, 1])
})

test('W10 a document that is refused fails alone', async () => {
  const { group, results } = await insertGroup('a', 'b', 'c', 'd')
  group.resolve({ ...ok, n: 1, writeErrors: [duplicate(0), invalid(1), notUnique(3)] })
  expect(await results).toEqual([
    { id: 'a', outcome: 'taken', at },
    { id: 'b', code: 'UNFIT' },
    { id: 'c', outcome: 'created', at },
    { id: 'd', code: 'NOT_UNIQUE' },
  ])
})

test.each([
  ['a lost connection', new MongoNetworkError('lost'), ['OUTCOME_UNKNOWN', 'OUTCOME_UNKNOWN']],
  [
    'a server that stopped being primary, perhaps after it had begun',
    new MongoServerError({ code: 10107 }),
    ['OUTCOME_UNKNOWN', 'OUTCOME_UNKNOWN'],
  ],
  [
    'a majority that did not acknowledge',
    new MongoWriteConcernError({
      ok: 1,
      n: 1,
      writeErrors: [duplicate(1)],
      writeConcernError: { code: 64 },
    } as never),
    ['OUTCOME_UNKNOWN', 'UNCONFIRMED'],
  ],
  ['missing rights', new MongoServerError({ code: 13 }), ['REJECTED', 'REJECTED']],
])('W10 %s is told to each document of the command, and to no other', async (_, error, codes) => {
  const { group, results } = await insertGroup('a', 'b')
  const later = insert('c')
  group.reject(error)
  sent.at(-1)?.resolve(ok)
  expect(await results).toEqual([
    { id: 'a', code: codes[0] },
    { id: 'b', code: codes[1] },
  ])
  expect(await later).toEqual({ id: 'c', outcome: 'created', at })
})

test.each([
  ['a connection that is lost', new MongoNetworkError('lost')],
  ['a server that is not primary', new MongoServerError({ code: 10107 })],
  ['missing rights', new MongoServerError({ code: 13 })],
])('W10 once a command took too long, %s leaves the outcome unknown', async (_, error) => {
  const { group, results } = await insertGroup('a', 'b')
  group.reject(new MongoServerError({ code: 50 }))
  await eventually(() => expect(sent.at(-1)?.ids).toEqual(['a']))
  sent.at(-1)?.reject(error)
  await eventually(() => expect(sent.at(-1)?.ids).toEqual(['b']))
  sent.at(-1)?.reject(error)
  await eventually(() => expect(sent.at(-1)?.ids).toEqual(['a', 'b']))
  sent.at(-1)?.reject(error)
  expect(await results).toEqual(['a', 'b'].map((id) => ({ id, code: 'OUTCOME_UNKNOWN' })))
})

test('W10 a single document that a former primary refuses was not written', async () => {
  const result = insert('a')
  sent[0]?.reject(new MongoServerError({ code: 10107 }))
  expect(await result).toEqual({ id: 'a', code: 'UNREACHABLE' })
})

test('W5 a reply without a time gets the latest position, or each document its own failure', async () => {
  const first = await insertGroup('a', 'b')
  latestPosition = () => Promise.resolve(positionOf(9, 1))
  first.group.resolve({ ok: 1, n: 2 })
  expect(await first.results).toMatchObject([{ at: positionOf(9, 1) }, { at: positionOf(9, 1) }])
  // Until the session of the group has ended.
  await new Promise(setImmediate)
  const results = Promise.all([insert('c'), insert('c')])
  latestPosition = () => Promise.reject(new Error('no position'))
  sent.at(-2)?.resolve({ ok: 1, n: 1 })
  sent.at(-1)?.resolve({ ok: 1, n: 0, writeErrors: [duplicate(0)] })
  expect(await results).toEqual([
    { id: 'c', code: 'OUTCOME_UNKNOWN' },
    { id: 'c', code: 'UNCONFIRMED' },
  ])
})
