import { expect, test } from '@jest/globals'
import { after, positionOf, type Position } from '@freshet/protocol'
import { Fences } from '../src/fences.ts'

/** Sleeping takes no time, and is recorded. */
function open(nudge: (fences: Fences) => void): { readonly fences: Fences; readonly slept: number[] } {
  const slept: number[] = []
  const clock = {
    now: () => 0,
    wallMs: () => 0,
    sleep: async (ms: number) => {
      slept.push(ms)
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
  const fences: Fences = new Fences({ clock, nudgeAfterMs: 5, nudge: async () => nudge(fences) })
  return { fences, slept }
}

const first = positionOf(0, 1)

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await new Promise((resolve) => setImmediate(resolve))
}

test('P12 a fence that the feed reaches by itself is not pursued', async () => {
  const { fences, slept } = open(() => undefined)
  fences.reach(first)
  fences.want(first)
  fences.want(after(first))
  fences.reach(after(first))
  await turns(5)
  expect(slept).toEqual([5])
  expect(fences.nudges).toBe(0)
})

test('P12 each of many fences is pursued at once, also while others are wanted all the time', async () => {
  let wanted: Position = first
  const { fences, slept } = open((own) => {
    own.reach(wanted)
    wanted = after(wanted)
    // Some other read: there is always one that waits.
    if (wanted < positionOf(0, 50)) own.want(wanted)
  })
  fences.want(wanted)
  await turns(200)
  expect(fences.nudges).toBe(49)
  expect(Math.max(...slept)).toBeLessThanOrEqual(10)
})

test('P12 a fence that messages do not reach is pursued less and less often, until the end', async () => {
  const { fences, slept } = open(() => undefined)
  fences.want(first)
  await turns(12)
  fences.stop()
  const { nudges } = fences
  expect(slept.slice(0, 10)).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 1_000, 1_000])
  await turns(5)
  expect(fences.nudges).toBe(nudges)
})

test('P12 a fence of an earlier history is not pursued any more', async () => {
  const { fences } = open(() => undefined)
  fences.want(positionOf(9, 0))
  await turns(4)
  expect(fences.nudges).toBeGreaterThan(0)
  fences.restart(first)
  await turns(4)
  const { nudges } = fences
  await turns(20)
  expect(fences.nudges).toBe(nudges)
  fences.stop()
})
