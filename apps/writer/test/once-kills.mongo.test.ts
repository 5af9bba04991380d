import { afterAll, expect, test } from '@jest/globals'
import { eventually, openTestDatabase, seededRandom } from '@freshet/testkit'
import { bearer, collections } from './support/open-writer.ts'
import { WriterProcess } from './support/writer-process.ts'

// A killed writer leaves open transactions, which lock their documents and keys until the server aborts them.
const db = await openTestDatabase({ collections, setParameters: { transactionLifetimeLimitSeconds: 1 } })
const writer = await WriterProcess.start(db.uriFor('writer'))
afterAll(async () => {
  await writer[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})

interface Product {
  readonly _id: string
  readonly name: string
  readonly tags: readonly string[]
}
const products = db.admin.db('shop').collection<Product>('products')

const CLIENTS = 50
const TIMES = 3
/** Documents that many keys append to. */
const LISTS = 20

interface Request {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** One request for each key; each kind reveals in its own way how often it was applied. */
const kinds: readonly ((key: string, n: number) => Request)[] = [
  (name) => ({ method: 'POST', path: 'products', body: { name } }),
  (key, n) => ({
    method: 'PATCH',
    path: `products/list-${Math.floor(n / kinds.length) % LISTS}`,
    headers: { 'content-type': 'application/json-patch+json' },
    body: [{ op: 'add', path: '/tags/-', value: key }],
  }),
  (name) => ({
    method: 'PUT',
    path: `products/put-${name}`,
    headers: { 'if-none-match': '*' },
    body: { name },
  }),
  (key) => ({ method: 'DELETE', path: `products/delete-${key}` }),
]

interface Play {
  /** The final answer to each attempt, by key. */
  readonly answers: ReadonlyMap<string, readonly string[]>
  /** Number of attempts that were cut off. */
  readonly cut: number
}

/** Sends the request of each key three times in random order, and kills the writer occasionally. */
async function play(keys: readonly string[], kills: number, withKeys: boolean): Promise<Play> {
  const random = seededRandom()
  await products.deleteMany({})
  await products.insertMany([
    ...Array.from({ length: LISTS }, (_, n) => ({ _id: `list-${n}`, name: 'list', tags: [] })),
    ...keys.map((key) => ({ _id: `delete-${key}`, name: 'gone', tags: [] })),
  ])
  const authorization = await bearer()
  const sendings = keys.flatMap((key, n) =>
    Array.from({ length: TIMES }, () => ({ key, n, at: random.next() })),
  )
  const queue = sendings.toSorted((a, b) => a.at - b.at)
  const every = Math.floor(queue.length / (kills + 1))
  const answers = new Map<string, string[]>(keys.map((key) => [key, []]))
  let cut = 0
  let done = 0
  let starting: Promise<void> | undefined

  const attempt = async ({ method, path, headers, body }: Request, key: string): Promise<string> => {
    await starting
    const response = await fetch(`${writer.url}/v1/${path}`, {
      method,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
        authorization,
        ...(withKeys && { 'idempotency-key': key }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }).catch((error: unknown) => {
      cut += 1
      throw error
    })
    const text = await response.text()
    const { status } = response
    const type = status < 400 ? '' : String(JSON.parse(text).type)
    if (/busy|in-progress|unavailable|overloaded|outcome-unknown|source-unknown/.test(type))
      throw new Error(type)
    return `${status} ${response.headers.get('location')} ${response.headers.get('etag')} ${text}`
  }
  const client = async (): Promise<void> => {
    for (let next = queue.pop(); next; next = queue.pop()) {
      const { key, n } = next
      const request = kinds[n % kinds.length]?.(key, n)
      if (request === undefined) throw new Error('unknown kind')
      answers.get(key)?.push(await eventually(() => attempt(request, key), { everyMs: 20 }))
      done += 1
      if (kills > 0 && done % every === 0) {
        const restart = writer.killAndStart()
        starting = restart
        await restart
      }
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  return { answers, cut }
}

/** The keys whose write was not applied exactly once, or that got different answers, with details. */
async function wrong(keys: readonly string[], { answers }: Play): Promise<readonly string[]> {
  const documents = await products.find().toArray()
  const times = new Map<string, number>()
  for (const { _id, name, tags } of documents)
    for (const key of _id.startsWith('list-') ? tags : [name]) times.set(key, (times.get(key) ?? 0) + 1)
  const left = new Set(documents.map(({ _id }) => _id))
  return keys.flatMap((key, n) => {
    const got = answers.get(key) ?? []
    const alike = got.length === TIMES && new Set(got).size === 1 && /^20[014] /.test(got[0] ?? '')
    const once = n % kinds.length === 3 ? !left.has(`delete-${key}`) : times.get(key) === 1
    if (alike && once) return []
    const { method, path } = kinds[n % kinds.length]?.(key, n) ?? {}
    return [`${method} ${path} with ${key}: ${once ? '' : 'not '}applied once, answered\n${got.join('\n')}`]
  })
}

const keysOf = (name: string, count: number) => Array.from({ length: count }, (_, n) => `${name}-${n}`)

test('P1 50 clients send the writes of 1,000 keys three times each while the writer is killed: each is applied once', async () => {
  const keys = keysOf('key', 1_000)
  const played = await play(keys, 4, true)
  process.stderr.write(`${played.cut} attempts were cut off\n`)
  expect(played.cut).toBeGreaterThan(0)
  expect(await wrong(keys, played)).toEqual([])
})

test('control: without keys, the same check finds writes that were applied three times, and differing answers', async () => {
  const keys = keysOf('control', 40)
  expect((await wrong(keys, await play(keys, 0, false))).length).toBe(keys.length)
})
