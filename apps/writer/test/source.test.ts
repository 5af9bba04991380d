import { expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import { sourceIdOf } from '@freshet/mongodb-rules'
import { ProblemError, type SourceId } from '@freshet/protocol'
import { eventually, silentLog } from '@freshet/testkit'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { SourceWatch } from '../src/source.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

const first = sourceIdOf('first')
const second = sourceIdOf('second')

interface World extends AsyncDisposable {
  readonly source: SourceWatch
  /** The result of the next check. */
  found: SourceId | undefined | Error
  /** Ends the current check; checks wait for it while it is set. */
  gate: Promise<void> | undefined
  looks: number
}

function open(everyMs: number): World {
  const world: World = {
    found: first,
    gate: undefined,
    looks: 0,
    source: new SourceWatch({
      control: {
        source: async () => {
          world.looks++
          const { found } = world
          await world.gate
          if (found instanceof Error) throw found
          return found
        },
      },
      clock: systemClock,
      log: silentLog,
      everyMs,
    }),
    [Symbol.asyncDispose]: () => world.source.stop(),
  }
  world.source.start()
  return world
}

const HOUR_MS = 3_600_000

test('W2 without a control document the source stays unknown, and is found once there is one', async () => {
  await using world = open(HOUR_MS)
  world.found = undefined
  world.source.doubt()
  await eventually(() => expect(world.looks).toBeGreaterThan(1))
  await expect(world.source.expect()).rejects.toThrow(ProblemError)
  world.found = first
  await eventually(() => expect(world.source.source).toBe(first))
})

test('W1 a doubt makes the source unknown at once, and triggers a check without a pause', async () => {
  await using world = open(HOUR_MS)
  await eventually(() => expect(world.source.source).toBe(first))
  world.found = second
  world.source.doubt()
  expect(world.source.source).toBeUndefined()
  await eventually(() => expect(world.source.source).toBe(second))
})

test('W1 a doubt during a check invalidates its result', async () => {
  await using world = open(HOUR_MS)
  await eventually(() => expect(world.source.source).toBe(first))
  let letGo = (): void => undefined
  world.gate = new Promise((resolve) => {
    letGo = resolve
  })
  world.source.doubt()
  await eventually(() => expect(world.looks).toBe(2))
  // The current check has already read the old source.
  world.found = second
  world.source.doubt()
  const seen: unknown[] = []
  world.gate = undefined
  letGo()
  await eventually(() => {
    seen.push(world.source.source)
    expect(world.source.source).toBe(second)
  })
  expect(seen).not.toContain(first)
})

test('W1 an answer whose source came into doubt waits for the next check, which says whether it changed', async () => {
  await using world = open(HOUR_MS)
  await world.source.expect()
  expect(await world.source.stillIs(first)).toBe(true)
  world.source.doubt()
  expect(await world.source.stillIs(first)).toBe(true)
  world.found = second
  world.source.doubt()
  expect(await world.source.stillIs(first)).toBe(false)
})

test('a failed check is repeated', async () => {
  await using world = open(1)
  await eventually(() => expect(world.source.source).toBe(first))
  world.found = new Error('away')
  const { looks } = world
  await eventually(() => expect(world.looks).toBeGreaterThan(looks + 2))
  // The source stays known: a failed check proves nothing about another server.
  expect(world.source.source).toBe(first)
})

test('writes that gave up waiting for the source leave nothing behind', async () => {
  const signals: WeakRef<AbortSignal>[] = []
  // It is never started, so the source never becomes known.
  const source = new SourceWatch({
    control: { source: async () => undefined },
    clock: {
      ...systemClock,
      sleep: async (_ms, signal) => void signals.push(new WeakRef(signal)),
    },
    log: silentLog,
    everyMs: HOUR_MS,
  })
  for (let write = 0; write < 100; write++) await expect(source.expect()).rejects.toThrow(ProblemError)
  expect(signals).toHaveLength(100)
  await eventually(() => {
    collectGarbage()
    expect(signals.filter((signal) => signal.deref() !== undefined)).toEqual([])
  })
})

test('W2 a write is told whether the database is unreachable or was never migrated', async () => {
  await using world = open(HOUR_MS)
  const refused = async (): Promise<unknown> =>
    await world.source.expect().catch((error: ProblemError) => error.code)
  world.found = new Error('away')
  world.source.doubt()
  expect(await refused()).toBe('unavailable')
  world.found = undefined
  await eventually(async () => expect(await refused()).toBe('source-unknown'))
  world.found = new Error('away')
  await eventually(async () => expect(await refused()).toBe('unavailable'))
})

test('W1 a check that began before the write was acknowledged proves nothing about it', async () => {
  await using world = open(HOUR_MS)
  await eventually(() => expect(world.source.source).toBe(first))
  await world.source.expect()
  let letGo = (): void => undefined
  world.gate = new Promise((resolve) => {
    letGo = resolve
  })
  const early = world.source.stillIs(first)
  await eventually(() => expect(world.looks).toBe(2))
  // It has read the old source, and is still running when this write is acknowledged.
  world.found = second
  const late = world.source.stillIs(first)
  letGo()
  expect(await early).toBe(true)
  expect(await late).toBe(false)
  expect(world.looks).toBe(3)
})

test('W1 a failed check is no proof, although the source stays known', async () => {
  await using world = open(HOUR_MS)
  await eventually(() => expect(world.source.source).toBe(first))
  await world.source.expect()
  world.found = new Error('away')
  expect(await world.source.stillIs(first)).toBe(false)
  expect(world.source.source).toBe(first)
})

test('W1 writes one after the other are checked without a pause; writes at a time share checks that are apart', async () => {
  const pausesMs: number[] = []
  let checks = 0
  const source = new SourceWatch({
    control: {
      source: async () => {
        checks += 1
        return first
      },
    },
    clock: { ...systemClock, now: () => 0, sleep: async (ms) => void pausesMs.push(ms) },
    log: silentLog,
    everyMs: HOUR_MS,
  })
  for (let write = 1; write <= 5; write++) {
    expect(await source.stillIs(first)).toBe(true)
    expect(checks).toBe(write)
  }
  expect(pausesMs).toEqual([])
  for (let round = 1; round <= 3; round++) {
    const writes = [source.stillIs(first), source.stillIs(first), source.stillIs(first)]
    expect(await Promise.all(writes)).toEqual([true, true, true])
    expect(checks).toBe(5 + round)
    expect(pausesMs).toHaveLength(round)
  }
})
