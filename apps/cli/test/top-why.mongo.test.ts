import { afterAll, expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import { freshet, Operated } from './support/operated.ts'

const operated = await Operated.start()
afterAll(() => operated[Symbol.asyncDispose]())
const management = operated.readers.map(({ managementUrl }) => managementUrl).join()
const urls = operated.readers.map(({ url }) => url).join()
const [first, second] = operated.readers
const get = (reader: typeof first, id: string) => fetch(`${reader?.url}/v1/products/${id}`)

const products = operated.db.admin.db('shop').collection<{ _id: string }>('products')

async function why(document: string, ...more: readonly string[]) {
  const argv = [document, `--management-urls=${management}`, `--reader-urls=${urls}`, '--json', ...more]
  const { code, printed, said } = await freshet(['why', ...argv])
  return { code, said, ...(printed === '' ? {} : JSON.parse(printed)) }
}

async function top(...argv: readonly string[]) {
  const { code, printed } = await freshet(['top', '--json', '--once', ...argv])
  return { code, readers: JSON.parse(printed).readers }
}

test('looking says which reader has a document cached, and is neither a request nor a use', async () => {
  expect((await get(first, 'a')).status).toBe(200)
  const before = await top(`--management-urls=${management}`)
  const looked = await why('products/a', '--look')
  expect(looked).toMatchObject({
    code: 0,
    kind: 'same',
    views: [
      { name: 'reader 1', held: 'document', etag: expect.any(String), at: { source: expect.any(String) } },
      { name: 'reader 2', held: 'no' },
    ],
    sentence: 'Only reader 1 has an answer. reader 2: not cached, so the next request reads the database.',
  })
  const after = await top(`--management-urls=${management}`)
  const counts = ({ readers }: typeof before) =>
    readers.map(({ hits, misses, entries }: Record<string, number>) => ({ hits, misses, entries }))
  expect(counts(after)).toEqual(counts(before))
})

test('a request to all readers gives one document, and one that is deleted nowhere', async () => {
  const { views, ...rest } = await why('products/b')
  expect(rest).toMatchObject({
    code: 0,
    kind: 'same',
    sentence: expect.stringMatching(/^All readers give the same document\./),
  })
  expect(views[0]).toMatchObject({
    held: 'no',
    status: 200,
    cacheStatus: expect.stringContaining('fwd=miss'),
  })
  expect(views[1].etag).toBe(views[0].etag)
  const { etag } = views[0]
  await products.updateOne({ _id: 'b' }, { $set: { name: 'other' } })
  await eventually(async () => {
    const changed = await why('products/b')
    expect(changed).toMatchObject({ code: 0, kind: 'same' })
    expect(changed.views.every((view: { etag: string }) => view.etag !== etag)).toBe(true)
  })
  expect(await why('products/none')).toMatchObject({
    code: 0,
    sentence: expect.stringContaining('say that there is no such document'),
  })
})

test('as text, why prints a table and one sentence', async () => {
  const { code, printed } = await freshet([
    'why',
    'products/a',
    `--management-urls=${management}`,
    `--reader-urls=${urls}`,
  ])
  expect(code).toBe(0)
  expect(printed).toMatch(
    /^reader +cached +answer +ETag +position +age +from\nreader 1 +held +200 +"\S+" +[0-9a-f]{8}\.[0-9a-f]{16} +\d+ s +freshet; hit/,
  )
  expect(printed).toMatch(/\n\nAll readers give the same document\..*$/)
})

test('an unknown collection, and a reader that does not answer, are failures with a reason', async () => {
  expect(await why('nothing/a')).toMatchObject({
    code: 1,
    sentence: expect.stringContaining('reader 1 did not return the document: 404'),
  })
  const gone = await freshet([
    'why',
    'products/a',
    `--management-urls=${management},http://127.0.0.1:1`,
    '--look',
  ])
  expect(gone).toMatchObject({
    code: 1,
    printed: expect.stringMatching(/reader 3 did not return the document: .*ECONNREFUSED/),
  })
})

test('top shows every reader in one line, with what it counts', async () => {
  for (let n = 0; n < 3; n++) await get(second, 'c')
  const { code, readers } = await top(`--management-urls=${management}`)
  expect(code).toBe(0)
  expect(readers).toHaveLength(2)
  expect(readers[1]).toMatchObject({
    name: 'reader 2',
    state: 'live',
    position: expect.stringMatching(/^[0-9a-f]{8}\.[0-9a-f]{16}$/),
    lagSeconds: expect.any(Number),
    ageMs: expect.any(Number),
    entries: expect.any(Number),
    bytes: expect.any(Number),
    maxBytes: 256 * 2 ** 20,
    refills: 0,
    resyncs: expect.any(Number),
    guard: 'without tokens',
  })
  expect(readers[1].hitRatio).toBeGreaterThan(0)
  expect(readers[1].hits).toBeGreaterThanOrEqual(2)
})

test('top says which of the URLs is no reader or does not answer', async () => {
  const { code, printed } = await freshet([
    'top',
    '--once',
    `--management-urls=${operated.managementUrls},http://127.0.0.1:1`,
  ])
  expect(code).toBe(1)
  expect(printed).toMatch(
    /^reader +state +position +lag +age +req\/s +hits +entries +MiB +refills +resyncs +guard\n/,
  )
  expect(printed).toMatch(/^reader 1 +a writer, not a reader$/m)
  expect(printed).toMatch(/^reader 2 +live .* 0 +\d+ +without tokens$/m)
  expect(printed).toMatch(/^reader 4 +.*ECONNREFUSED/m)
})

test('in a terminal, top redraws until Ctrl-C, with rates since the last time', async () => {
  const stop = new AbortController()
  const shown = freshet(['top', '--interval=100ms', `--management-urls=${management}`], {
    stopped: stop.signal,
    columns: 60,
  })
  await eventually(async () => {
    await get(first, 'a')
    const { readers } = await top(`--management-urls=${management}`)
    expect(readers[0].hits).toBeGreaterThan(20)
  })
  stop.abort()
  const { code, printed } = await shown
  expect(code).toBe(0)
  const screens = printed.split('\u001B[H\u001B[J').slice(1)
  expect(screens.length).toBeGreaterThan(1)
  for (const line of screens.join('\n').split('\n')) expect(line.length).toBeLessThanOrEqual(60)
})
