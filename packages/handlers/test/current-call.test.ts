import { once } from 'node:events'
import { createServer } from 'node:http'
import { expect, test } from '@jest/globals'
import type { ChangeHandler, HandlerContext } from '../src/contract.ts'
import { inHandler, originOf, seen, server, stranger, told } from './fake-writer.ts'
import { change, never, serviceOf } from './support.ts'

const save = (fetch: HandlerContext['fetch'], init: RequestInit = {}): Promise<Response> =>
  fetch(`${originOf(server)}/200`, { method: 'PUT', ...init })

/** Runs a handler for each change caused by its own writes, until none is left or far too much was written. */
async function loop(handle: ChangeHandler['handle']): ReturnType<typeof inHandler> {
  seen.length = 0
  const { handlers, log } = serviceOf({ writers: [originOf(server)] })
  const runs = handlers.add({
    name: 'h',
    collections: ['c'],
    allowWrites: [{ collection: 'c', reason: 'a mistake' }],
    handle,
  })
  await runs.hear(change('c/1'), never)
  for (let heard = 0; heard < seen.length && heard < 300; heard += 1) await runs.hear(change('c/1'), never)
  const [status] = handlers.status()
  return { seen: [...seen], status, errors: log.lines.map(({ fields }) => Reflect.get(fields, 'err')) }
}

test('G7.3 negative control: a loop whose cause is lost passes through this writer until the breaker opens', async () => {
  const { seen } = await loop(async (_, { fetch }) => void (await save(fetch)))
  expect(seen).toHaveLength(100)
})

test('G6.1 G7.3 the `fetch` of an earlier call is refused, so a client that keeps it cannot loop', async () => {
  let kept: HandlerContext['fetch'] | undefined
  const { seen, status, errors } = await loop(async (_, { fetch }) => {
    kept ??= fetch
    await save(kept)
  })
  expect(seen).toHaveLength(1)
  expect(status).toMatchObject({ writes: 1, failed: 1, refusals: { 'stale-context': 1, breaker: 0 } })
  expect(errors.at(-1)).toMatchObject({
    code: 'STALE_CONTEXT',
    message: expect.stringContaining('use the fetch of the current call'),
  })
})

test('G6.1 the `headers` of an earlier call are refused too, however they are read', async () => {
  let kept: HandlerContext['headers'] | undefined
  const { errors } = await inHandler(
    (_, { headers }) => {
      kept ??= headers
      void { ...kept }
    },
    ['c/1', 'c/1'],
  )
  const stale = expect.objectContaining({
    code: 'STALE_CONTEXT',
    message: expect.stringContaining('use the headers of the current call'),
  })
  expect(errors).toEqual([undefined, stale])
  expect(() => new Headers(kept)).toThrow(stale)
  expect(() => JSON.stringify(kept)).toThrow(stale)
})

test('G6.1 a `fetch` after the end of its call is refused for the writer, and remains a plain fetch for other origins', async () => {
  let detached: Promise<unknown> | undefined
  let release = (): void => undefined
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const { status } = await inHandler((_, { fetch }) => {
    const later = async (): Promise<void> => {
      await gate
      await fetch(`${originOf(stranger)}/200`)
      await expect(fetch(`${originOf(server)}/200`)).rejects.toMatchObject({ code: 'STALE_CONTEXT' })
      await expect(save(fetch)).rejects.toMatchObject({ code: 'STALE_CONTEXT' })
    }
    detached = later()
  })
  release()
  await detached
  expect(status).toMatchObject({ writes: 0, failed: 0 })
  expect(seen).toEqual(['stranger GET /200 [|]'])
})

test("G6.1 two concurrent calls of a handler cannot use each other's `fetch`", async () => {
  const { handlers } = serviceOf({ writers: [originOf(server)] })
  const fetches: HandlerContext['fetch'][] = []
  let both = (): void => undefined
  const started = new Promise<void>((resolve) => {
    both = resolve
  })
  const codes: unknown[] = []
  const handle: ChangeHandler['handle'] = async (_, { fetch }) => {
    fetches.push(fetch)
    if (fetches.length === 2) both()
    await started
    for (const each of fetches)
      codes.push(
        await save(each).then(
          ({ status }) => status,
          (error: unknown) => error,
        ),
      )
  }
  const runs = handlers.add({ name: 'h', collections: ['c'], handle })
  await Promise.all([runs.hear(change('c/1'), never), runs.hear(change('c/2'), never)])
  expect(codes).toHaveLength(4)
  expect(codes.filter((code) => code === 200)).toHaveLength(2)
  expect(codes.filter((code) => code !== 200)).toMatchObject([
    { code: 'STALE_CONTEXT' },
    { code: 'STALE_CONTEXT' },
  ])
})

test('G7.3 a handler that uses the `fetch` of another running handler takes its own token', async () => {
  seen.length = 0
  const { handlers } = serviceOf({ writers: [originOf(server)] })
  let lent: HandlerContext['fetch'] | undefined
  let release = (): void => undefined
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const lend: ChangeHandler['handle'] = async (_, { fetch }) => {
    lent = fetch
    await gate
  }
  const lending = handlers.add({ name: 'lends', collections: ['c'], handle: lend }).hear(change('c/1'), never)
  const runs = handlers.add({
    name: 'borrows',
    collections: ['c'],
    handle: async () => void (lent && (await save(lent))),
  })
  for (let n = 0; n < 150; n += 1) await runs.hear(change('c/2'), never)
  release()
  await lending
  expect(seen).toHaveLength(100)
  expect(handlers.status()[1]).toMatchObject({ refusals: { breaker: 50 } })
})

test('G6.1 the properties that determine the target are read once, so what is checked is what is sent', async () => {
  const [writer, foreign] = [`${originOf(server)}/200`, `${originOf(stranger)}/200`]
  const turning = (...urls: string[]): { toString(): string } => ({ toString: () => urls.shift() ?? foreign })
  const renamed = Object.defineProperty(new Request(foreign), 'url', { value: writer })
  const inputs: readonly unknown[] = [
    { url: writer, toString: () => foreign },
    turning(writer, foreign),
    turning(foreign, writer),
    renamed,
  ]
  for (const input of inputs) {
    const { seen } = await inHandler(
      async (_, { fetch }) => void (await Reflect.apply(fetch, undefined, [input])),
    )
    expect(seen.filter((line) => line.startsWith('stranger'))).toEqual(
      seen.filter((line) => line === 'stranger GET /200 [|]'),
    )
    expect(seen).toHaveLength(1)
  }
})

test('G7.3 the method is read once too: what is counted is what is sent', async () => {
  const methods = ['GET', 'PUT']
  const init = {
    get method() {
      return methods.shift() ?? 'PUT'
    },
  }
  const { seen, status } = await inHandler(
    async (_, { fetch }) => void (await fetch(`${originOf(server)}/200`, init)),
  )
  expect(seen).toEqual([`writer ${status?.writes === 0 ? 'GET' : 'PUT'} /200 ${told}`])
})

test('G7.3 the options of a request may be another request', async () => {
  const { seen, status } = await inHandler(
    async (_, { fetch }) =>
      void (await fetch(`${originOf(server)}/200`, new Request('http://x', { method: 'PUT' }))),
  )
  expect(seen).toEqual([`writer PUT /200 ${told}`])
  expect(status).toMatchObject({ writes: 1 })
})

test.each<[string, (fetch: HandlerContext['fetch']) => Promise<unknown>]>([
  ['with an aborted signal', (fetch) => save(fetch, { signal: AbortSignal.abort() })],
  [
    'from a `Request` with an aborted signal',
    (fetch) => fetch(new Request(`${originOf(server)}/200`, { method: 'PUT', signal: AbortSignal.abort() })),
  ],
  [
    'to a URL with credentials',
    (fetch) => fetch(`${originOf(server).replace('//', '//me:pw@')}/`, { method: 'PUT' }),
  ],
  ['with an invalid header', (fetch) => save(fetch, { headers: { 'a b': '' } })],
])('G7.4 a request that was never sent takes no token and is not counted: %s', async (_, ask) => {
  const { seen, status } = await inHandler(async (__, { fetch }) => {
    await expect(ask(fetch)).rejects.toThrow()
  }, Array<string>(150).fill('c/1'))
  expect(seen).toEqual([])
  expect(status).toMatchObject({ writes: 0, refusals: { breaker: 0 }, failed: 0 })
})

test('G7.4 an unavailable writer opens no breaker; the attempts are counted', async () => {
  const down = createServer().listen(0, '127.0.0.1')
  await once(down, 'listening')
  const origin = originOf(down)
  down.close()
  await once(down, 'close')
  const { handlers } = serviceOf({ writers: [origin] })
  const runs = handlers.add({
    name: 'h',
    collections: ['c'],
    handle: async (_, { fetch }) => void (await fetch(`${origin}/200`, { method: 'PUT' })),
  })
  for (let n = 0; n < 150; n += 1) await runs.hear(change('c/1'), never)
  expect(handlers.status()).toMatchObject([{ writes: 150, failed: 150, refusals: { breaker: 0 } }])
})

test('G6.1 a request to a writer is still aborted by its own signal', async () => {
  const stop = new AbortController()
  const { errors } = await inHandler(async (_, { fetch }) => {
    const asked = save(fetch, { signal: stop.signal })
    stop.abort(new Error('by the test'))
    await asked
  })
  expect(errors).toEqual([expect.objectContaining({ message: 'by the test' })])
})
