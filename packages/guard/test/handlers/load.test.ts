import { expect, test } from '@jest/globals'
import { currentCause } from '../../src/handlers/cause.ts'
import type { ChangeHandler } from '../../src/handlers/contract.ts'
import { change, never, serviceOf } from './support.ts'

/**
 * Ten times normal load: 200 changes a second over 500 documents, of which a few are much more lively than the rest;
 * the liveliest changes about 1.5 times a second. Normal is a tenth of it.
 */
const SECONDS = 60
const CHANGES_PER_S = 200
const LIVELIEST_PER_S = 1.5

/** Which document changes, from the liveliest down; the same in each run. */
function pick(n: number): number {
  const everyNth = Math.round(CHANGES_PER_S / LIVELIEST_PER_S)
  if (n % everyNth === 0) return 0
  return 1 + ((n * 7919) % 499)
}

async function load(
  handle: (id: string, write: Write) => void,
): Promise<{ writes: number; refused: number }> {
  const { handlers, clock } = serviceOf()
  const handler: ChangeHandler = {
    name: 'h',
    collections: ['orders'],
    allowWrites: [
      { collection: 'stock', reason: 'a sum' },
      { collection: 'orders', reason: 'a mark' },
    ],
    handle: ({ id }) => handle(id, (key) => writes(key)),
  }
  const echoed: string[] = []
  const writes: Write = (key) => {
    currentCause()?.judge({ collections: [key.split('/')[0]], keys: [key] })
    if (key.startsWith('orders/')) echoed.push(key)
  }
  const runs = handlers.add(handler)
  for (let n = 0; n < SECONDS * CHANGES_PER_S; n += 1) {
    await runs.hear(change(`orders/${pick(n)}`), never)
    for (const key of echoed.splice(0)) await runs.hear(change(key), never)
    clock.pass(1_000 / CHANGES_PER_S)
  }
  const [status] = handlers.status()
  return { writes: status?.writes ?? 0, refused: status?.refusals.breaker ?? 0 }
}

type Write = (key: string) => void

test('G7.4 ten times normal load for a minute trips nothing, where each change leads to a write elsewhere', async () => {
  const result = await load((id, write) => write(`stock/${id}`))
  expect(result).toEqual({ writes: SECONDS * CHANGES_PER_S, refused: 0 })
})

test('G7.4 nor where a handler marks each document once, and leaves what it has marked', async () => {
  const marked = new Map<string, number>()
  let n = 0
  const result = await load((id, write) => {
    n += 1
    // Its own mark comes back at once; then there is nothing to do.
    if (marked.get(id) === n - 1) return
    marked.set(id, n)
    write(`orders/${id}`)
  })
  expect(result.refused).toBe(0)
  expect(result.writes).toBeGreaterThan((SECONDS * CHANGES_PER_S) / 2)
})

test('G7.4 negative control: in the same load a handler that writes back what it hears is stopped', async () => {
  const result = await load((id, write) => write(`orders/${id}`))
  expect(result.refused).toBeGreaterThan(0)
})
