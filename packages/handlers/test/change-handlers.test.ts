import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, test } from '@jest/globals'
import type { Hop } from '@freshet/protocol'
import { currentCause, type Written } from '../src/cause.ts'
import type { ChangeHandler, HandlerRefusal } from '../src/contract.ts'
import { change, never, serviceOf } from './support.ts'

/** As a watched client does. */
const write = (collection: string, ...ids: string[]): void => {
  const written: Written = { collections: [collection], keys: ids.map((id) => `${collection}/${id}`) }
  currentCause()?.judge(written)
}

/** A handler of `orders` that declares and makes writes to `stock`. */
const recount = (handle: ChangeHandler['handle']): ChangeHandler => ({
  name: 'recount',
  collections: ['orders'],
  allowWrites: [{ collection: 'stock', reason: 'a sum over orders' }],
  handle,
})

const before: Hop = { handler: 'shop/price', heard: 'products/1', writes: ['orders'] }

test('G7.5 a refusal names the handler, document and chain; it is counted, logged and reported', async () => {
  const told: HandlerRefusal[] = []
  const { handlers, log } = serviceOf({ onRefusal: (refusal) => told.push(refusal) })
  const runs = handlers.add(recount(() => write('orders', '1')))
  await runs.hear(change('orders/42'), never)
  const refusal = {
    reason: 'undeclared',
    handler: 's/recount',
    heard: 'orders/42',
    collection: 'orders',
    chain: 'orders/42 → s/recount',
  }
  expect(told).toEqual([refusal])
  expect(log.lines).toEqual([
    { level: 'error', fields: refusal, message: 'refused a write of a handler' },
    {
      level: 'error',
      fields: {
        handler: 's/recount',
        heard: 'orders/42',
        chain: 'orders/42 → s/recount',
        err: expect.objectContaining({
          code: 'UNDECLARED_WRITE',
          message: expect.stringContaining(
            's/recount tried to write to orders because of orders/42, without declaring it',
          ),
        }),
      },
      message: 'a handler failed',
    },
  ])
  expect(handlers.status()).toEqual([
    {
      handler: 's/recount',
      allowWrites: [{ collection: 'stock', reason: 'a sum over orders' }],
      heard: 1,
      failed: 1,
      resets: 0,
      writes: 0,
      refusals: { undeclared: 1, 'own-entry': 0, 'too-many-hops': 0, breaker: 0, 'stale-context': 0 },
      unseenStarts: 0,
      openBreakers: 0,
    },
  ])
})

test('G7.7 each process or thread that a handler starts is counted, and logged once', async () => {
  const { handlers, log } = serviceOf()
  const start = async (): Promise<void> => {
    await once(spawn(process.execPath, ['--version'], { stdio: 'ignore' }), 'exit')
    await once(new Worker('', { eval: true }), 'exit')
  }
  const runs = handlers.add({ name: 'starts', collections: ['orders'], handle: start })
  await start()
  expect(handlers.status()).toMatchObject([{ unseenStarts: 0 }])
  await runs.hear(change('orders/42'), never)
  await runs.hear(change('orders/43'), never)
  expect(handlers.status()).toMatchObject([{ unseenStarts: 4, failed: 0 }])
  expect(log.lines).toEqual([
    {
      level: 'warn',
      fields: { handler: 's/starts', heard: 'orders/42' },
      message: 'a handler started a process, whose writes are not observed',
    },
  ])
  handlers.remove({ name: 'starts', collections: [], handle: () => undefined })
})

test.each([
  ['a change without a cause', [], 1, undefined],
  ['a change made by a handler', [before], 1, 'WRITE_LOOP'],
  ['a change made by a handler, with two hops allowed', [before], 2, undefined],
  ['a change that the handler caused itself', [{ ...before, handler: 's/recount' }], 9, 'WRITE_LOOP'],
])('G7.2 a declared write is judged by the cause from the feed: %s', async (_, cause, maxHops, code) => {
  const { handlers, log } = serviceOf({ maxHops })
  const runs = handlers.add(recount(() => write('stock', '1')))
  await runs.hear(change('orders/42', cause), never)
  expect(log.lines.map(({ fields }) => Reflect.get(Object(Reflect.get(fields, 'err')), 'code'))).toEqual(
    code === undefined ? [] : [undefined, code],
  )
  expect(handlers.status()[0]?.writes).toBe(code === undefined ? 1 : 0)
})

test('G7.3 a handler led to new documents by its own writes is stopped; one led by others is not', async () => {
  const { handlers } = serviceOf()
  const made = ['orders/0']
  const runs = handlers.add({
    ...recount(({ id }) => {
      write('orders', `${id}x`)
      made.push(`orders/${id}x`)
    }),
    allowWrites: [{ collection: 'orders', reason: 'the classic mistake: a new order for each order' }],
  })
  for (let key = made.shift(); key !== undefined; key = made.shift()) await runs.hear(change(key), never)
  // The first change has no cause, and the first rounds may be legitimate.
  expect(handlers.status()[0]).toMatchObject({ writes: 103, refusals: { breaker: 1 }, openBreakers: 1 })

  const honest = serviceOf().handlers
  const stock = honest.add(recount(() => write('stock', '1')))
  for (let n = 0; n < 1_000; n += 1) await stock.hear(change(`orders/${n}`), never)
  expect(honest.status()[0]).toMatchObject({ writes: 1_000, refusals: { breaker: 0 } })
})

test('G7.3 two handlers that lead each other to new documents are stopped', async () => {
  const { handlers } = serviceOf()
  const made: string[] = ['a/0']
  const pass = (from: string, to: string): ChangeHandler => ({
    name: `${from}-to-${to}`,
    collections: [from],
    allowWrites: [{ collection: to, reason: 'a mistake across two handlers' }],
    handle: ({ id }) => {
      write(to, `${id}x`)
      made.push(`${to}/${id}x`)
    },
  })
  const [a, b] = [handlers.add(pass('a', 'b')), handlers.add(pass('b', 'a'))]
  for (let key = made.shift(); key !== undefined; key = made.shift())
    await (key.startsWith('a/') ? a : b).hear(change(key), never)
  const writes = handlers.status().map((status) => status.writes)
  expect(Math.max(...writes)).toBeLessThan(110)
})

test('G7.3 many writes for one change are no loop; repeated ones are', async () => {
  const { handlers } = serviceOf()
  const runs = handlers.add(
    recount(() => {
      for (let n = 0; n < 500; n += 1) write('stock', String(n))
    }),
  )
  for (let round = 0; round < 150; round += 1) await runs.hear(change('orders/1'), never)
  // A refused call stops at its first write.
  expect(handlers.status()[0]).toMatchObject({ writes: 100 * 500, refusals: { breaker: 50 } })
})

test('G7.2 a reset may rebuild a lot, but only in declared collections', async () => {
  const { handlers } = serviceOf()
  const runs = handlers.add({
    ...recount(() => undefined),
    reset: () => {
      for (let n = 0; n < 1_000; n += 1) write('stock', String(n))
      write('orders', '1')
    },
  })
  await runs.reset('too-slow', never)
  expect(handlers.status()[0]).toMatchObject({
    resets: 1,
    writes: 1_000,
    failed: 1,
    refusals: { undeclared: 1, breaker: 0 },
  })
})

test('G7.3 resets that write are counted too: one that causes the next is stopped, and retried later', async () => {
  const { handlers, clock } = serviceOf()
  const runs = handlers.add({
    ...recount(() => write('stock', '1')),
    reset: () => {
      for (let n = 0; n < 20; n += 1) write('stock', String(n))
    },
  })
  for (let round = 0; round < 150; round += 1) await runs.reset('too-slow', never)
  expect(handlers.status()[0]).toMatchObject({ writes: 100 * 20, refusals: { breaker: 50 }, openBreakers: 1 })
  // Changes continue to arrive meanwhile and take no reset tokens.
  await runs.hear(change('orders/1'), never)
  expect(handlers.status()[0]?.writes).toBe(100 * 20 + 1)
  clock.pass(5 * 60_000)
  await runs.reset('too-slow', never)
  expect(handlers.status()[0]).toMatchObject({ writes: 101 * 20 + 1, openBreakers: 0 })
})

test('a reset without a handler is logged', async () => {
  const { handlers, log } = serviceOf()
  await handlers.add(recount(() => undefined)).reset('too-slow', never)
  expect(log.lines).toEqual([
    {
      level: 'warn',
      fields: { handler: 's/recount', reason: 'too-slow' },
      message: 'changes may have been missed, and the handler has no reset',
    },
  ])
})

test('a failing handler is logged and counted without failing its caller; an aborted one is neither', async () => {
  const { handlers, log } = serviceOf()
  const stop = new AbortController()
  const runs = handlers.add(recount(() => Promise.reject(new Error('no'))))
  await runs.hear(change('orders/1'), stop.signal)
  expect(log.lines).toHaveLength(1)
  stop.abort()
  await runs.hear(change('orders/1'), stop.signal)
  expect(handlers.status()[0]).toMatchObject({ heard: 2, failed: 1 })
  expect(log.lines).toHaveLength(1)
})

test.each(['', 'Recount', 're count', 'a/b', 'x'.repeat(65)])(
  'an invalid handler name is refused: "%s"',
  (name) => {
    const { handlers } = serviceOf()
    expect(() => handlers.add({ ...recount(() => undefined), name })).toThrow(
      expect.objectContaining({ code: 'BAD_HANDLER' }),
    )
  },
)

test.each(['größe', 'two words', '', 'a\nb', 'db.größe'])(
  'a collection whose name does not fit into a header is refused before any change arrives: "%s"',
  (collection) => {
    const { handlers } = serviceOf()
    const bad = expect.objectContaining({
      code: 'BAD_HANDLER',
      message: expect.stringContaining(JSON.stringify(collection)),
    })
    const allowWrites = [{ collection, reason: 'a test' }]
    expect(() => handlers.add({ ...recount(() => undefined), allowWrites })).toThrow(bad)
    expect(() => handlers.add({ ...recount(() => undefined), collections: [collection] })).toThrow(bad)
    expect(handlers.status()).toEqual([])
  },
)

test('a handler name is unique, and free again once its handler is removed', () => {
  const { handlers } = serviceOf()
  const handler = recount(() => undefined)
  handlers.add(handler)
  expect(() => handlers.add(handler)).toThrow(expect.objectContaining({ code: 'BAD_HANDLER' }))
  handlers.remove(handler)
  handlers.add(handler)
})
