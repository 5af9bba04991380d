import { expect, test } from '@jest/globals'
import type { ReplicaState } from '../src/contract.ts'
import { next, serves, type ReplicaEvent } from '../src/watermark.ts'
import { Random } from './support/random.ts'
import { positionOf } from '@freshet/protocol'
import { Waiters, type Waiter } from '../src/waiters.ts'

const states: Record<ReplicaState['kind'], ReplicaState> = {
  loading: { kind: 'loading' },
  live: { kind: 'live' },
  lagging: { kind: 'lagging', since: 5 },
  lost: { kind: 'lost', reason: 'HISTORY_LOST' },
  stopped: { kind: 'stopped' },
}

const events: Record<ReplicaEvent['type'], ReplicaEvent> = {
  begun: { type: 'begun' },
  proved: { type: 'proved', provedAt: 9 },
  silent: { type: 'silent', provedAt: 9 },
  lost: { type: 'lost', reason: 'SOURCE_UNKNOWN' },
  stop: { type: 'stop' },
}

/** Every state by every event. A new state or event does not compile until its cells are filled in. */
const expected: Record<ReplicaState['kind'], Record<ReplicaEvent['type'], ReplicaState['kind']>> = {
  loading: { begun: 'loading', proved: 'live', silent: 'loading', lost: 'lost', stop: 'stopped' },
  live: { begun: 'loading', proved: 'live', silent: 'lagging', lost: 'lost', stop: 'stopped' },
  lagging: { begun: 'loading', proved: 'live', silent: 'lagging', lost: 'lost', stop: 'stopped' },
  lost: { begun: 'loading', proved: 'lost', silent: 'lost', lost: 'lost', stop: 'stopped' },
  stopped: { begun: 'stopped', proved: 'stopped', silent: 'stopped', lost: 'stopped', stop: 'stopped' },
}

const stateList = Object.values(states)
const eventList = Object.values(events)

test.each(stateList.flatMap((state) => eventList.map((event) => ({ state, event }))))(
  'R1 $state.kind after $event.type',
  ({ state, event }) => {
    expect(next(state, event).kind).toBe(expected[state.kind][event.type])
  },
)

test('R2 an event that changes nothing returns the same object, and events are idempotent', () => {
  const random = new Random(7)
  let state: ReplicaState = states.loading
  for (let step = 0; step < 5_000; step += 1) {
    const event = random.chance(0.001)
      ? events.stop
      : random.pick(eventList.filter(({ type }) => type !== 'stop'))
    const after = next(state, event)
    expect(next(after, event)).toBe(after)
    if (after.kind === state.kind && event.type !== 'lost') expect(after).toBe(state)
    state = after
  }
})

test('R2 lagging keeps its start time', () => {
  expect(next(states.live, events.silent)).toEqual({ kind: 'lagging', since: 9 })
  expect(next(states.lagging, events.silent)).toEqual({ kind: 'lagging', since: 5 })
})

test('R2 cached values are served only when live or lagging', () => {
  expect(stateList.filter(serves).map(({ kind }) => kind)).toEqual(['live', 'lagging'])
})

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
