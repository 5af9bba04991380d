import { expect, test } from '@jest/globals'
import { ByteBudget, type ByteLease, type Clock } from '../src/index.ts'
import { settled } from './fake-clock.ts'

const never = new AbortController().signal

/** A clock that the test sets, which wakes the sleepers. */
class HandClock implements Clock {
  #now = 0
  readonly #wake = new Set<() => void>()

  now(): number {
    return this.#now
  }

  wallMs(): number {
    return this.#now
  }

  sleep(_ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve()
      this.#wake.add(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  async advance(ms: number): Promise<void> {
    this.#now += ms
    for (const wake of this.#wake) wake()
    this.#wake.clear()
    await settled()
  }
}

function open(maxBytes = 100): { clock: HandClock; budget: ByteBudget } {
  const clock = new HandClock()
  return { clock, budget: new ByteBudget({ maxBytes, clock }) }
}

/** The current outcome of a wait, without waiting. */
function watch(wait: Promise<boolean>): { held: boolean | undefined } {
  const seen: { held: boolean | undefined } = { held: undefined }
  void wait.then((held) => (seen.held = held))
  return seen
}

test('parts share one limit and have one each, and released bytes are available to others', () => {
  const { budget } = open()
  const answers = budget.part('answers', 60)
  const bodies = budget.part('bodies')
  const [a, b, c, d] = [answers.lease(), answers.lease(), bodies.lease(), bodies.lease()]
  expect([a.tryAcquire(40), b.tryAcquire(30), b.tryAcquire(20)]).toEqual([true, false, true])
  expect([c.tryAcquire(39), d.tryAcquire(2), d.tryAcquire(1)]).toEqual([true, false, true])
  expect(budget.takenBytes).toBe(100)
  a[Symbol.dispose]()
  a[Symbol.dispose]()
  expect([budget.takenBytes, d.tryAcquire(41), b.tryAcquire(10), b.bytes]).toEqual([60, true, true, 10])
  expect(budget.stats()).toEqual([
    { part: 'answers', takenBytes: 10, waiting: 0, refused: 1, revoked: 0 },
    { part: 'bodies', takenBytes: 80, waiting: 0, refused: 1, revoked: 0 },
  ])
})

test('the only user of a part has capacity, whatever it needs and whatever others hold', () => {
  const { budget } = open()
  const [a, b] = [budget.part('a', 100), budget.part('b', 10)]
  expect(a.lease().tryAcquire(100)).toBe(true)
  const [alone, other] = [b.lease(), b.lease()]
  expect([alone.tryAcquire(500), alone.tryAcquire(600), other.tryAcquire(1)]).toEqual([true, true, false])
})

test('what a single user takes beyond the limit of its part reduces no other part', () => {
  const { budget } = open()
  const [a, b] = [budget.part('a', 60), budget.part('b')]
  const [alone, one, two] = [a.lease(), b.lease(), b.lease()]
  expect([one.tryAcquire(10), alone.tryAcquire(500), two.tryAcquire(30), two.tryAcquire(31)]).toEqual([
    true,
    true,
    true,
    false,
  ])
  expect(budget.takenBytes).toBe(540)
  alone[Symbol.dispose]()
  expect([two.tryAcquire(90), two.tryAcquire(91)]).toEqual([true, false])
})

test('waiting callers are served in order, without overtaking', async () => {
  const { budget } = open()
  const part = budget.part('part')
  const [a, b, c, d] = [part.lease(), part.lease(), part.lease(), part.lease()]
  a.tryAcquire(90)
  const large = watch(b.acquire(50, never))
  const small = watch(c.acquire(5, never))
  expect(d.tryAcquire(1)).toBe(false)
  await settled()
  expect([large.held, small.held, part.waiting]).toEqual([undefined, undefined, 2])
  a.tryAcquire(50)
  await settled()
  expect([large.held, small.held, budget.takenBytes]).toEqual([true, undefined, 100])
  b[Symbol.dispose]()
  await settled()
  expect([small.held, budget.takenBytes]).toEqual([true, 55])
})

test('a wait ends with its signal or its lease, and unblocks those behind it', async () => {
  const { budget } = open()
  const part = budget.part('part')
  const [a, b, c, d] = [part.lease(), part.lease(), part.lease(), part.lease()]
  a.tryAcquire(90)
  const giveUp = new AbortController()
  const first = watch(b.acquire(50, giveUp.signal))
  const second = watch(c.acquire(40, never))
  const third = watch(d.acquire(10, never))
  giveUp.abort()
  await settled()
  expect([first.held, second.held, third.held]).toEqual([false, undefined, undefined])
  c[Symbol.dispose]()
  await settled()
  expect([second.held, third.held, budget.takenBytes]).toEqual([false, true, 100])
  await expect(part.lease().acquire(1, AbortSignal.abort())).resolves.toBe(false)
})

test('waiting while holding bytes is refused, because two callers could deadlock', async () => {
  const lease = open().budget.part('part').lease()
  lease.tryAcquire(1)
  await expect(lease.acquire(2, never)).rejects.toThrow(TypeError)
})

/** A lease that may be revoked, and whether it was. */
function mayEnd(lease: ByteLease): { lease: ByteLease; ended: () => boolean } {
  let ended = false
  lease.makeRevocable(() => (ended = true))
  return { lease, ended: () => ended }
}

test('leases that stalled for four seconds are revoked for others, longest first, and no more than needed', async () => {
  const { clock, budget } = open()
  const [a, b] = [budget.part('a'), budget.part('b')]
  const [one, two, three] = [mayEnd(a.lease()), mayEnd(a.lease()), mayEnd(b.lease())]
  for (const { lease } of [one, two, three]) expect(lease.tryAcquire(30)).toBe(true)
  const other = b.lease()
  expect(other.tryAcquire(20)).toBe(false)
  await clock.advance(3_900)
  one.lease.touch()
  await clock.advance(100)
  expect([other.tryAcquire(100), other.tryAcquire(20)]).toEqual([false, true])
  expect([one.ended(), two.ended(), three.ended()]).toEqual([false, true, false])
  expect([two.lease.bytes, budget.takenBytes, budget.stats()[0]?.revoked]).toEqual([0, 80, 1])
})

test('a waiting caller gets the capacity of a lease that stalls meanwhile', async () => {
  const { clock, budget } = open()
  const part = budget.part('part')
  const still = mayEnd(part.lease())
  still.lease.tryAcquire(80)
  const wait = watch(part.lease().acquire(30, never))
  await clock.advance(2_000)
  still.lease.touch()
  await clock.advance(2_100)
  expect([wait.held, still.ended()]).toEqual([undefined, false])
  await clock.advance(1_900)
  expect([wait.held, still.ended(), budget.takenBytes]).toEqual([true, true, 30])
})
