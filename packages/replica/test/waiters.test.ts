import { expect, test } from '@jest/globals'
import { positionOf } from '@freshet/protocol'
import { Waiters, type Waiter } from '../src/waiters.ts'
import { Random } from './support/random.ts'

test('R4 wakes exactly the waiters whose position was reached, in order, skipping cancelled ones', () => {
  const random = new Random(11)
  const waiters = new Waiters()
  const woken: number[] = []
  const open = new Map<Waiter, number>()
  for (let step = 1; step <= 3_000; step += 1) {
    const wanted = step + random.int(200)
    const waiter = waiters.add(positionOf(0, wanted), () => woken.push(wanted))
    open.set(waiter, wanted)
    if (random.chance(0.4)) {
      const left = random.pick([...open.keys()])
      waiters.cancel(left)
      waiters.cancel(left)
      open.delete(left)
    }
    waiters.reached(positionOf(0, step))
    const due = [...open].filter(([, position]) => position <= step)
    for (const [one] of due) open.delete(one)
    expect(woken.splice(0)).toEqual(due.map(([, position]) => position).sort((a, b) => a - b))
    expect(waiters.size).toBe(open.size)
  }
})

test('R4 cancelling a woken waiter has no effect', () => {
  const waiters = new Waiters()
  const first = waiters.add(positionOf(0, 1), () => {})
  waiters.add(positionOf(0, 2), () => {})
  waiters.reached(positionOf(0, 1))
  waiters.cancel(first)
  expect(waiters.size).toBe(1)
})

test('R4 wakeAll wakes every waiter that was not cancelled', () => {
  const waiters = new Waiters()
  const woken: string[] = []
  waiters.add(positionOf(0, 1), () => woken.push('a'))
  waiters.cancel(waiters.add(positionOf(0, 2), () => woken.push('b')))
  waiters.wakeAll()
  expect([woken, waiters.size]).toEqual([['a'], 0])
})
