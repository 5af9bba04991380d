import { AsyncResource } from 'node:async_hooks'
import { expect, test } from '@jest/globals'
import { positionOf } from '@freshet/protocol'
import { currentCause } from '../src/cause.ts'
import type { ChangeHandler } from '../src/contract.ts'
import { change, never, serviceOf } from './support.ts'

/** As a watched client does. */
const write = (collection: string, id: string): void => {
  currentCause()?.judge({ collections: [collection], keys: [`${collection}/${id}`] })
}

/** A handler of `orders` that may write `stock`. */
const recount = (handle: ChangeHandler['handle']): ChangeHandler => ({
  name: 'recount',
  collections: ['orders'],
  allowWrites: [{ collection: 'stock', reason: 'a sum over orders' }],
  handle,
})

/** Starts work in the first call of a handler; it continues in the context of that call. */
function startedOnce(): { handle: ChangeHandler['handle']; later: (work: () => void) => void } {
  let resource: AsyncResource | undefined
  return {
    handle: () => {
      resource ??= new AsyncResource('worker')
    },
    later: (work) => resource?.runInAsyncScope(work),
  }
}

test('G7.3 each write after the end of its call takes a token', async () => {
  const { handlers } = serviceOf()
  const { handle, later } = startedOnce()
  await handlers.add(recount(handle)).hear(change('orders/1'), never)
  let refused = 0
  for (let n = 0; n < 150; n += 1) {
    try {
      later(() => write('stock', String(n)))
    } catch (error) {
      expect(error).toMatchObject({ code: 'BREAKER_OPEN' })
      refused += 1
    }
  }
  expect(refused).toBe(50)
  expect(handlers.status()).toMatchObject([{ writes: 100, refusals: { breaker: 50 } }])
})

test('G7.4 a write after the end of its call that changes nothing refunds its token', async () => {
  const { handlers } = serviceOf()
  const { handle, later } = startedOnce()
  await handlers.add(recount(handle)).hear(change('orders/1'), never)
  for (let n = 0; n < 150; n += 1)
    later(() => currentCause()?.judge({ collections: ['stock'], keys: ['stock/1'] })(0))
  expect(handlers.status()).toMatchObject([{ writes: 150, refusals: { breaker: 0 } }])
})

test('G7.3 work left running by a reset takes reset tokens', async () => {
  const { handlers } = serviceOf()
  const { handle, later } = startedOnce()
  const runs = handlers.add({
    ...recount(() => write('stock', '1')),
    reset: (_, context) =>
      handle({ collection: 'orders', id: '1', at: positionOf(1, 1), cause: [] }, context),
  })
  await runs.reset('too-slow', never)
  for (let n = 0; n < 100; n += 1) later(() => write('stock', '1'))
  expect(() => later(() => write('stock', '1'))).toThrow(expect.objectContaining({ code: 'BREAKER_OPEN' }))
  await runs.hear(change('orders/1'), never)
  expect(handlers.status()).toMatchObject([{ writes: 101, failed: 0 }])
})
