import { getEventListeners } from 'node:events'
import { expect, test } from '@jest/globals'
import { withAnySignal } from '../src/index.ts'

const open = (): readonly AbortController[] => [new AbortController(), new AbortController()]
const signalsOf = (all: readonly AbortController[]): readonly AbortSignal[] => all.map(({ signal }) => signal)

test.each([0, 1])('the signal aborts with the reason of the first that aborts: %d', async (first) => {
  const all = open()
  const reason = new Error('first')
  const seen = await withAnySignal(signalsOf(all), async (signal) => {
    expect(signal.aborted).toBe(false)
    all[first]?.abort(reason)
    all[1 - first]?.abort(new Error('second'))
    return signal.reason
  })
  expect(seen).toBe(reason)
})

test('a signal that has aborted before counts too', async () => {
  const all = open()
  all[1]?.abort('before')
  expect(await withAnySignal(signalsOf(all), (signal) => Promise.resolve(signal.reason))).toBe('before')
})

test('nothing is left in the signals, whether the work succeeds or fails', async () => {
  const all = open()
  const signals = signalsOf(all)
  expect(await withAnySignal(signals, () => Promise.resolve(1))).toBe(1)
  await expect(withAnySignal(signals, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed')
  for (const signal of signals) {
    expect(getEventListeners(signal, 'abort')).toEqual([])
    expect(followersOf(signal)).toBe(0)
  }
})

test('negative control: the standard function leaves something', () => {
  const [long = new AbortController()] = open()
  AbortSignal.any([long.signal]).addEventListener('abort', () => undefined)
  expect(followersOf(long.signal)).toBe(1)
})

/** How many signals Node.js remembers for following this one. */
function followersOf(signal: AbortSignal): number {
  const symbol = Object.getOwnPropertySymbols(signal).find(
    ({ description }) => description === 'kDependantSignals',
  )
  const followers: unknown = symbol === undefined ? undefined : Reflect.get(signal, symbol)
  return typeof followers === 'object' && followers !== null && 'size' in followers
    ? Number(followers.size)
    : 0
}
