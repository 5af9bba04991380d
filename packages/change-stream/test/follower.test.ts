import { expect, test } from '@jest/globals'
import type { Clock, MonotonicMs } from '@freshet/kit'
import { parseSourceId, positionOf } from '@freshet/protocol'
import type { Batch, ChangeSource, Origin } from '../src/contract.ts'
import { ChangeStreamError, type ChangeStreamErrorCode } from '../src/errors.ts'
import { Follower } from '../src/follower.ts'
import { defaultPace, type PaceOptions } from '../src/pace.ts'
import { Recorder } from './support/recorder.ts'

/** Sleeping is jumping: hours pass in no time, and nobody else runs meanwhile. */
class JumpingClock implements Clock {
  #now = 0

  now(): MonotonicMs {
    return this.#now
  }

  wallMs(): number {
    return this.#now
  }

  sleep(ms: number): Promise<void> {
    this.#now += ms
    return Promise.resolve()
  }
}

/** Fails in the order of the list, each time at once or after one batch, and stops the follower at its end. */
class FailingSource implements ChangeSource {
  readonly readAt: number[] = []
  readonly #clock: Clock
  readonly #codes: ChangeStreamErrorCode[]
  readonly #batchFirst: boolean
  ended: () => void = () => undefined

  constructor(clock: Clock, codes: readonly ChangeStreamErrorCode[], batchFirst: boolean) {
    this.#clock = clock
    this.#codes = [...codes]
    this.#batchFirst = batchFirst
  }

  start(): Promise<Origin> {
    const source = parseSourceId('00000001')
    if (source === undefined) throw new Error('expected a source')
    return Promise.resolve({ source, at: positionOf(1, this.readAt.length) })
  }

  async *read({ at }: Origin): AsyncGenerator<Batch, void> {
    this.readAt.push(this.#clock.now())
    const code = this.#codes.shift()
    if (code === undefined) return this.ended()
    if (this.#batchFirst) yield { changes: [], through: at, provedAt: 0, aliveAt: 0 }
    throw new ChangeStreamError(code, 'by the test')
  }
}

async function follow(
  codes: readonly ChangeStreamErrorCode[],
  {
    batchFirst = false,
    pace = defaultPace,
  }: { readonly batchFirst?: boolean; readonly pace?: PaceOptions } = {},
): Promise<{ readonly source: FailingSource; readonly heard: Recorder }> {
  const clock = new JumpingClock()
  const source = new FailingSource(clock, codes, batchFirst)
  const heard = new Recorder()
  const follower = new Follower({ source, sink: heard, clock, random: () => 0, pace })
  const ended = new Promise<void>((resolve) => {
    source.ended = resolve
  })
  follower.start()
  await ended
  await follower.stop()
  return { source, heard }
}

/** The most attempts in any one second. */
function mostInASecond(times: readonly number[]): number {
  return Math.max(...times.map((from) => times.filter((time) => time >= from && time < from + 1_000).length))
}

const hundred = (code: ChangeStreamErrorCode): readonly ChangeStreamErrorCode[] =>
  Array.from({ length: 100 }, () => code)
const loops: readonly ChangeStreamErrorCode[] = [
  'DISCONNECTED',
  'ENDED',
  'HISTORY_LOST',
  'SOURCE_CHANGED',
  'DENIED',
  'UNSUPPORTED',
]

test.each(loops)(
  'F14 nothing loops faster than once a second when %s comes again and again',
  async (code) => {
    for (const batchFirst of [false, true]) {
      const { source } = await follow(hundred(code), { batchFirst })
      expect(source.readAt).toHaveLength(101)
      // The first attempt after a loss that comes alone is made at once.
      expect(mostInASecond(source.readAt.slice(2))).toBe(1)
    }
  },
)

test('F14 the same test finds a follower that does not wait', async () => {
  const pace = { firstMs: 50, maxMs: 400, spreadMs: 10 }
  const { source } = await follow(hundred('DISCONNECTED'), { pace })
  expect(mostInASecond(source.readAt.slice(2))).toBeGreaterThan(1)
})

test('F14 a feed that ran for long is opened again within the spread', async () => {
  const clock = new JumpingClock()
  const source = new FailingSource(clock, ['DISCONNECTED'], false)
  const read = source.read.bind(source)
  source.read = async function* slowly(origin): AsyncGenerator<Batch, void> {
    await clock.sleep(60_000)
    yield* read(origin)
  }
  const heard = new Recorder()
  const follower = new Follower({ source, sink: heard, clock, random: () => 1 })
  const ended = new Promise<void>((resolve) => {
    source.ended = resolve
  })
  follower.start()
  await ended
  await follower.stop()
  expect(source.readAt).toEqual([60_000, 120_000 + defaultPace.spreadMs])
})

test('F4 after a broken connection it reads on, after a lost history it begins a new epoch', async () => {
  const { heard } = await follow(['DISCONNECTED', 'ENDED', 'HISTORY_LOST', 'DISCONNECTED'])
  expect(heard.errors).toEqual(['DISCONNECTED', 'ENDED', 'HISTORY_LOST', 'DISCONNECTED'])
  expect(heard.origins).toHaveLength(2)
})

test('F6 nothing is said after the stop, however late the source answers', async () => {
  let answer: (origin: Origin) => void = () => undefined
  const started = new Promise<Origin>((resolve) => {
    answer = resolve
  })
  const clock = new JumpingClock()
  const source = new FailingSource(clock, [], false)
  const origin = await source.start()
  source.start = () => started
  const heard = new Recorder()
  const follower = new Follower({ source, sink: heard, clock, random: () => 0 })
  follower.start()
  const stopped = follower.stop()
  answer(origin)
  await stopped
  expect([heard.origins, heard.errors, heard.batches]).toEqual([[], [], []])
})
