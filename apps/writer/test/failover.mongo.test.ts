import { afterAll, expect, test } from '@jest/globals'
import { eventually, openTestDatabase, silentLog } from '@freshet/testkit'
import { inspect } from 'node:util'
import { collections, openWriter } from './support/open-writer.ts'

const db = await openTestDatabase({ collections, nodes: 3 })
afterAll(() => db[Symbol.asyncDispose]())

const products = db.admin.db('shop').collection<{ _id: string; list?: number[] }>('products')
const json = { 'content-type': 'application/json-patch+json' }

/** The answer to each write, by kind of write and number. */
type Answers = Map<string, number>

/** Kills the primary, like a power failure; resolves when there is a new one. The killed server is restarted. */
async function killPrimary(): Promise<void> {
  const { me } = await db.admin.db('admin').command({ hello: 1 })
  const primary = db.servers.members.find(({ port }) => String(me).endsWith(`:${port}`))
  await primary?.kill()
  await eventually(() => products.findOne({}, { readPreference: 'primary' }))
  await primary?.start()
}

test('whatever happens to the primary, a 2xx write is durable, and a write reported as not written is not', async () => {
  const notUnderstood: string[] = []
  const log = {
    ...silentLog,
    error: (fields: object) => void notUnderstood.push(inspect(fields, { depth: 8 })),
  }
  await using writer = await openWriter(db.uriFor('writer'), { argv: ['--acknowledge-within=3s'], log })
  const answers: Answers = new Map()
  const over = new AbortController()
  let next = 0
  const work = async (worker: number): Promise<void> => {
    const own = `own-${worker}`
    await writer.send('PUT', `products/${own}`, { body: { name: own, list: [] } })
    while (!over.signal.aborted) {
      const number = next++
      const posted = await writer.send('POST', 'products', { body: { id: `n${number}`, name: 'x' } })
      answers.set(`n${number}`, posted.status)
      const body = [{ op: 'add', path: '/list/-', value: number }]
      const patched = await writer.send('PATCH', `products/${own}`, { headers: json, body })
      answers.set(`${own}:${number}`, patched.status)
    }
  }
  const workers = Array.from({ length: 4 }, (_, worker) => work(worker))
  const done = () => [...answers.values()].filter((status) => status < 300).length
  const someMore = async (): Promise<void> => {
    const wanted = done() + 100
    await eventually(() => expect(done()).toBeGreaterThan(wanted))
  }
  await someMore()
  await db.stepDown()
  await someMore()
  await killPrimary()
  await someMore()
  over.abort()
  await Promise.all(workers)

  const stored = await products.find({}, { readConcern: { level: 'majority' } }).toArray()
  const there = new Set(
    stored.flatMap(({ _id, list = [] }) => [_id, ...list.map((number) => `${_id}:${number}`)]),
  )
  const wrong = [...answers].filter(([what, status]) => {
    if (status === 504) return false
    return there.has(what) !== status < 300
  })
  expect(wrong).toEqual([])
  expect(notUnderstood).toEqual([])
  expect(
    [...new Set(answers.values())].filter((status) => ![200, 201, 409, 503, 504].includes(status)),
  ).toEqual([])
  // Nothing was applied twice, although transactions are retried.
  for (const { list = [] } of stored) expect(new Set(list).size).toBe(list.length)
})
