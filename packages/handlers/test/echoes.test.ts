import { expect, test } from '@jest/globals'
import { currentCause } from '../src/cause.ts'
import type { ChangeHandler, HandlerStatus } from '../src/contract.ts'
import { Echoes } from '../src/echoes.ts'
import { change, HandClock, never, serviceOf } from './support.ts'

const rounds = (of: Record<string, number>): ReadonlyMap<string, number> => new Map(Object.entries(of))

test('G7.3 each write of a document is expected back, with all handlers that led to it', () => {
  const echoes = new Echoes(['a'], new HandClock())
  echoes.wrote('a/1', rounds({ x: 4, y: 1 }))
  echoes.wrote('a/1', rounds({ x: 2, z: 3 }))
  echoes.wrote('b/1', rounds({ x: 1 }))
  const both = { by: 'document', rounds: rounds({ x: 2, y: 1, z: 3 }) }
  expect([echoes.heard('a/1'), echoes.heard('a/1')]).toEqual([both, both])
  expect([echoes.heard('a/1').by, echoes.heard('a/2').by, echoes.heard('b/1').by]).toEqual([
    'none',
    'none',
    'none',
  ])
})

test('G7.3 a write without an id is expected once for any document of its collection, as often as it was made', () => {
  const echoes = new Echoes(['a'], new HandClock())
  echoes.wrote('a/*', rounds({ x: 1 }), 2)
  echoes.wrote('a/1', rounds({ y: 1 }))
  expect(['a/1', 'a/1', 'a/2', 'a/3'].map((key) => echoes.heard(key).by)).toEqual([
    'document',
    'collection',
    'collection',
    'none',
  ])
})

test('G7.4 a write that changed nothing is not expected, nor is one whose change took more than half a minute', () => {
  const clock = new HandClock()
  const echoes = new Echoes(['a'], clock)
  echoes.wrote('a/1', rounds({ x: 1 }))
  echoes.unwrote('a/1')
  expect(echoes.heard('a/1').by).toBe('none')
  echoes.wrote('a/1', rounds({ x: 1 }))
  clock.pass(29_000)
  echoes.wrote('a/2', rounds({ x: 1 }))
  clock.pass(2_000)
  expect([echoes.heard('a/1').by, echoes.heard('a/2').by]).toEqual(['none', 'document'])
})

test('G7.3 the number of expected changes is bounded; the oldest are dropped', () => {
  const echoes = new Echoes(['a'], new HandClock())
  for (let n = 0; n < 20_000; n += 1) echoes.wrote(`a/${n}`, rounds({ x: 1 }))
  expect([echoes.heard('a/9000').by, echoes.heard('a/19999').by]).toEqual(['none', 'document'])
})

/** Writes a new document of `orders` this many times, with or without its id. */
type Make = (id: string, times: number, named: boolean) => void

/** Runs a handler of orders on its own writes, until there are none or far too many. */
async function loop(handle: (id: string, make: Make) => void): Promise<HandlerStatus | undefined> {
  const { handlers } = serviceOf()
  const made = ['0']
  const make: Make = (id, times, named) => {
    for (let n = 0; n < times; n += 1) {
      currentCause()?.judge({ collections: ['orders'], keys: named ? [`orders/${id}`] : [] })
      made.push(id)
    }
  }
  const runs = handlers.add({
    name: 'h',
    collections: ['orders'],
    allowWrites: [{ collection: 'orders', reason: 'a mistake' }],
    handle: ({ id }) => handle(id, make),
  } satisfies ChangeHandler)
  let heard = 0
  for (let id = made.shift(); id !== undefined && heard < 5_000; id = made.shift(), heard += 1)
    await runs.hear(change(`orders/${id}`), never)
  return handlers.status()[0]
}

/** `true` on the last of `times` calls with the same text. */
function last(times: number): (id: string) => boolean {
  const calls = new Map<string, number>()
  return (id) => {
    const call = (calls.get(id) ?? 0) + 1
    calls.set(id, call)
    return call === times
  }
}

test.each([
  ['named', 1, true],
  ['named, and written twice', 2, true],
  ['unnamed', 1, false],
  ['unnamed, and written twice', 2, false],
])('G7.3 a loop over new documents is stopped: %s', async (_, times, named) => {
  const isLast = last(times)
  const status = await loop((id, make) => {
    // The first document has no cause and occurs once.
    if (id === '0' || isLast(id)) make(`${id}x`, times, named)
  })
  expect(status?.refusals.breaker).toBe(1)
  expect((status?.writes ?? 0) / times).toBeLessThan(110)
})
