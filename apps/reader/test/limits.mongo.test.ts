import { afterAll, expect, test } from '@jest/globals'
import { formatSourcePosition, highOf, parseSourcePosition, positionOf } from '@freshet/protocol'
import { eventually, openTestDatabase } from '@freshet/testkit'
import { startReader } from './support/real-reader.ts'

const MiB = 2 ** 20

const db = await openTestDatabase()
const reader = await startReader(db.uriFor('reader'), [])
afterAll(async () => {
  await reader[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})

const products = db.admin.db('shop').collection<{ _id: string; name: string }>('products')
const ask = (path: string, init?: RequestInit): Promise<Response> =>
  fetch(`${reader.url}/v1/products${path}`, init)
await eventually(async () => expect((await ask('/none')).status).toBe(404))

const tooLarge = { status: 422, type: 'https://freshet.dev/problems/answer-too-large' }

test('P9 an answer just below 16 MiB is returned completely, and one just above is 422', async () => {
  // Sixteen of them and the JSON around them are a few kilobytes less than 16 MiB.
  const name = 'x'.repeat(MiB - 1_024)
  const ids = Array.from({ length: 16 }, (_, at) => `large-${at}`)
  await products.insertMany([
    ...ids.map((_id) => ({ _id, name })),
    { _id: 'small', name: 'x'.repeat(20_000) },
  ])
  const wanted = JSON.stringify({ items: ids.map((id) => ({ id, name })), missing: [] })
  const headers = { 'freshet-at-least': 'now' }
  // The second time all of them are cached.
  for (const init of [{ headers }, {}]) {
    const below = await ask(`?ids=${ids.join()}`, init)
    expect([below.status, (await below.text()) === wanted]).toEqual([200, true])
    const above = await ask(`?ids=${ids.join()},small`, init)
    expect(await above.json()).toMatchObject(tooLarge)
  }
  expect(wanted.length).toBeGreaterThan(15.9 * MiB)
  expect((await ask('/small')).status).toBe(200)
})

/** The largest that MongoDB stores, and larger as JSON. */
const largest: readonly (readonly [string, (bytes: number) => unknown])[] = [
  ['characters that need escapes', (bytes) => '\u0001'.repeat(bytes)],
  ['plain text', (bytes) => 'x'.repeat(bytes)],
  ['bytes', (bytes) => Buffer.alloc(bytes, 7)],
  ['numbers', (bytes) => Array.from({ length: Math.floor(bytes / 18) }, () => 0.1 + 0.2)],
]

test.each(largest)(
  'P9 the largest document that can be stored can be read alone: %s',
  async (what, valueOf) => {
    const _id = `largest-${what.replaceAll(' ', '-')}`
    const name = valueOf(16 * MiB - 200)
    await db.admin.db('shop').collection<{ _id: string; name: unknown }>('products').insertOne({ _id, name })
    const shown = Buffer.isBuffer(name) ? name.toString('base64') : name
    const wanted = JSON.stringify({ id: _id, name: shown })
    const headers = { 'freshet-at-least': 'now' }
    for (const [path, body] of [
      [`/${_id}`, wanted],
      [`?ids=${_id}`, `{"items":[${wanted}],"missing":[]}`],
    ] as const) {
      const answer = await ask(path, { headers })
      expect([answer.status, (await answer.text()) === body]).toEqual([200, true])
    }
    // Together with another one, it exceeds the limit for a multi-get.
    expect(await (await ask(`?ids=${_id},small`)).json()).toMatchObject(tooLarge)
  },
)

/** A position this many seconds after that of the reader. */
async function ahead(seconds: number): Promise<string> {
  const now = parseSourcePosition((await ask('/none')).headers.get('freshet-position') ?? '')
  if (now === undefined) throw new Error('expected a position')
  return formatSourcePosition(now.source, positionOf(highOf(now.at) + seconds, 1))
}

/** The answer to a client that waits for a position until the signal aborts; `undefined` if there is none by then. */
async function waitFor(position: string, signal: AbortSignal): Promise<unknown> {
  const headers = { 'freshet-at-least': position, prefer: 'wait=30' }
  try {
    return await (await ask('/none', { headers, signal })).json()
  } catch (error) {
    if (!signal.aborted) throw error
    return undefined
  }
}

test('P9 a position more than 60 s ahead is refused at once, a closer one is waited for', async () => {
  const enough = new AbortController()
  const near = waitFor(await ahead(55), enough.signal)
  // While nobody writes, the reader advances by ten seconds at a time.
  const far = waitFor(await ahead(75), enough.signal)
  const first = await Promise.race([near.then(() => 'near'), far.then(() => 'far')])
  enough.abort()
  expect(first).toBe('far')
  expect(await far).toMatchObject({ status: 503, type: 'https://freshet.dev/problems/reader-behind' })
  expect(await near).toBeUndefined()
})

async function requests(): Promise<number> {
  const metrics = await (await fetch(`${reader.managementUrl}/metrics`)).text()
  return Number(/^freshet_http_requests_total (\d+)$/m.exec(metrics)?.[1])
}

test('P9 1,000 requests may wait for positions, and the next one is 503', async () => {
  const overloaded = { status: 503, type: 'https://freshet.dev/problems/overloaded' }
  const enough = new AbortController()
  const position = await ahead(40)
  const before = await requests()
  const told: unknown[] = []
  const waiting = Array.from({ length: 1_001 }, async () => {
    const answer = await waitFor(position, enough.signal)
    if (answer !== undefined) told.push(answer)
  })
  await eventually(async () => expect(await requests()).toBe(before + waiting.length))
  await eventually(() => expect(told).toHaveLength(1))
  // Once this one is answered, all that were refused before it have been answered too.
  expect(await waitFor(position, enough.signal)).toMatchObject(overloaded)
  enough.abort()
  await Promise.all(waiting)
  expect(told).toEqual([expect.objectContaining(overloaded)])
})
