import { expect, test } from '@jest/globals'
import { Backoff, Renewal } from '../src/index.ts'
import { FakeClock, settled } from './fake-clock.ts'

interface Client {
  readonly n: number
}

/** Creates numbered clients; `outcomes` says for each attempt, starting with the first, whether it succeeds. */
function bench(...outcomes: readonly ('fails' | 'works' | Promise<unknown>)[]) {
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
  const { clock, ended, said, first, renewal } = bench('fails', 'fails', 'works', 'fails', 'works')
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
  const { first, renewal, attempts } = bench('works', 'works')
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
  const { ended, first, renewal, attempts } = bench(making)
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
  const { first, renewal, attempts, clock } = bench('fails', 'works')
  renewal.renew(first, 'no server is left')
  await settled()
  await renewal.close()
  await clock.pass()
  expect(attempts()).toBe(1)
})
