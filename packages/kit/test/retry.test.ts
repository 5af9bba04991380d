import { expect, test } from '@jest/globals'
import { Backoff, Renewal, RunLoop } from '../src/index.ts'
import { FakeClock, settled } from './fake-clock.ts'

/** The waits of a caller whose random number is always this one. */
function waits(random: number): readonly number[] {
  const backoff = new Backoff({ firstMs: 100, maxMs: 400 }, () => random)
  return Array.from({ length: 4 }, () => backoff.next())
}

test.each<[number, readonly number[]]>([
  [0, [50, 100, 200, 200]],
  [0.5, [75, 150, 300, 300]],
  [0.75, [87.5, 175, 350, 350]],
])('waits double up to the maximum, each with jitter over its upper half: %d of it', (random, wanted) => {
  expect(waits(random)).toEqual(wanted)
})

test('a thousand callers that failed together do not retry together', () => {
  const first = Array.from({ length: 1_000 }, (_, n) => waits(n / 1_000)[0] ?? 0)
  expect(new Set(first).size).toBe(1_000)
  expect([Math.min(...first), Math.max(...first)]).toEqual([50, 99.95])
})

test('each wait draws its own random number', () => {
  const numbers = [0, 0.5, 0.25]
  const backoff = new Backoff({ firstMs: 100, maxMs: 100 }, () => numbers.shift() ?? 0)
  expect([backoff.next(), backoff.next(), backoff.next()]).toEqual([50, 75, 62.5])
})

test('after a success the waits start over', () => {
  const backoff = new Backoff({ firstMs: 100, maxMs: 400 }, () => 0)
  backoff.next()
  backoff.next()
  backoff.reset()
  expect(backoff.next()).toBe(50)
})

function benchLoop(turn: (signal: AbortSignal) => Promise<void>, verdict: 'retry' | 'give-up' = 'retry') {
  const clock = new FakeClock()
  const judged: unknown[] = []
  const judge = (error: unknown) => {
    judged.push(error)
    return verdict
  }
  const backoff = new Backoff({ firstMs: 100, maxMs: 400 }, () => 0)
  return { clock, judged, loop: new RunLoop({ attempt: turn, onFailure: judge, clock, backoff }) }
}

const forever = (signal: AbortSignal): Promise<void> =>
  new Promise((_, reject) =>
    signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true }),
  )

test('failed attempts are judged and wait longer each time; a success resets the waits', async () => {
  let attempts = 0
  const { clock, judged, loop } = benchLoop(async (signal) => {
    attempts++
    if (attempts === 5) return
    if (attempts === 7) return await forever(signal)
    throw new Error(`attempt ${attempts}`)
  })
  loop.start()
  loop.start()
  for (let passed = 0; passed < 5; passed++) {
    await settled()
    await clock.pass()
  }
  expect(clock.sleeps).toEqual([50, 100, 200, 200, 50])
  expect(judged.map(String)).toEqual([1, 2, 3, 4, 6].map((n) => `Error: attempt ${n}`))
  await loop.stop()
  expect([attempts, judged.length]).toEqual([7, 5])
})

test('a permanent error ends the loop', async () => {
  const { clock, judged, loop } = benchLoop(() => Promise.reject(new Error('no')), 'give-up')
  loop.start()
  await settled()
  expect([judged.length, clock.sleeps]).toEqual([1, []])
  await loop.stop()
})

test('stop resolves only once the running attempt has ended, and nothing starts after it', async () => {
  const events: string[] = []
  const { loop, judged } = benchLoop(async (signal) => {
    events.push('begin')
    await forever(signal).catch(() => undefined)
    await settled()
    events.push('end')
  })
  loop.start()
  await Promise.all([loop.stop(), loop.stop()])
  loop.start()
  await settled()
  expect([events, judged]).toEqual([['begin', 'end'], []])
})

test('stop ends a wait between attempts', async () => {
  const { clock, loop } = benchLoop(() => Promise.reject(new Error('no')))
  loop.start()
  await settled()
  expect(clock.sleeps).toHaveLength(1)
  await loop.stop()
})

interface Client {
  readonly n: number
}

/** Creates numbered clients; `outcomes` says for each attempt, starting with the first, whether it succeeds. */
function benchRenewal(...outcomes: readonly ('fails' | 'works' | Promise<unknown>)[]) {
  const clock = new FakeClock()
  const ended: number[] = []
  const said: string[] = []
  const say = (_fields: object, message: string): void => void said.push(message)
  const first: Client = { n: 0 }
  let attempts = 0
  const renewal = new Renewal<Client>(first, {
    name: 'client',
    create: async () => {
      const n = ++attempts
      const outcome = outcomes[n - 1]
      await (outcome instanceof Promise ? outcome : undefined)
      if (outcome === 'fails') throw new Error(`attempt ${n}`)
      return { n }
    },
    dispose: async ({ n }) => {
      ended.push(n)
      if (n === 0) throw new Error('it was already dead')
    },
    clock,
    backoff: new Backoff({ firstMs: 100, maxMs: 400 }, () => 0),
    log: { debug: say, info: say, warn: say, error: say },
  })
  return { clock, ended, said, first, renewal, attempts: () => attempts }
}

test('a worn client is closed and recreated, with longer pauses while that fails', async () => {
  const { clock, ended, said, first, renewal } = benchRenewal('fails', 'fails', 'works', 'fails', 'works')
  expect(renewal.current).toBe(first)
  renewal.renew(first, 'no server is left')
  expect(renewal.current).toBeUndefined()
  await settled()
  expect(renewal.state).toMatchObject({ kind: 'renewing', attempts: 1, failure: new Error('attempt 1') })
  await clock.pass()
  await clock.pass()
  const second = renewal.current
  expect([second, renewal.renewals, ended, clock.sleeps]).toEqual([{ n: 3 }, 1, [0], [50, 100]])
  expect(said).toEqual([
    'client: recreating',
    'client: the old one could not be closed',
    'client: could not be recreated, retrying',
    'client: could not be recreated, retrying',
    'client: recreated',
  ])
  if (second !== undefined) renewal.renew(second, 'again')
  await settled()
  await clock.pass()
  expect([renewal.current, clock.sleeps, ended]).toEqual([{ n: 5 }, [50, 100, 50], [0, 3]])
  await renewal.close()
  expect([renewal.current, renewal.state.kind, ended]).toEqual([undefined, 'closed', [0, 3, 5]])
})

test('only the current client can be reported as worn: of many reports, the first one counts', async () => {
  const { first, renewal, attempts } = benchRenewal('works', 'works')
  renewal.renew(first, 'first report')
  renewal.renew(first, 'second report')
  await settled()
  renewal.renew(first, 'late report')
  await settled()
  expect([attempts(), renewal.current]).toEqual([1, { n: 1 }])
})

test('close ends a creation in progress, and nothing is created after it', async () => {
  let made = (): void => undefined
  const making = new Promise<void>((resolve) => {
    made = resolve
  })
  const { ended, first, renewal, attempts } = benchRenewal(making)
  renewal.renew(first, 'no server is left')
  await settled()
  const closed = Promise.all([renewal.close(), renewal.close()])
  made()
  await closed
  renewal.renew(first, 'too late')
  await settled()
  expect([attempts(), ended, renewal.current]).toEqual([1, [0, 1], undefined])
})

test('close during a pause starts no further attempt', async () => {
  const { first, renewal, attempts, clock } = benchRenewal('fails', 'works')
  renewal.renew(first, 'no server is left')
  await settled()
  await renewal.close()
  await clock.pass()
  expect(attempts()).toBe(1)
})
