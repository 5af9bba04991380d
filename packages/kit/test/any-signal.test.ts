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
  // Where Node.js keeps what follows a signal.
  const before = signals.map((signal) => Object.getOwnPropertySymbols(signal))
  expect(await withAnySignal(signals, () => Promise.resolve(1))).toBe(1)
  await expect(withAnySignal(signals, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed')
  for (const [index, signal] of signals.entries()) {
    expect(getEventListeners(signal, 'abort')).toEqual([])
    for (const symbol of Object.getOwnPropertySymbols(signal)) {
      const kept: unknown = Reflect.get(signal, symbol)
      if (!before[index]?.includes(symbol)) expect(kept instanceof Set ? kept.size : 0).toBe(0)
    }
  }
})
