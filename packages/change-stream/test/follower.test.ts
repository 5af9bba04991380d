import { expect, test } from '@jest/globals'
import type { Clock, MonotonicMs } from '@freshet/kit'
import { parseSourceId, positionOf } from '@freshet/protocol'
import type { Batch, ChangeSource, Origin } from '../src/contract.ts'
import { ChangeStreamError, type ChangeStreamErrorCode } from '../src/errors.ts'
import { defaultPace, Follower, type PaceOptions } from '../src/follower.ts'
import { Recorder } from '../src/conformance/recorder.ts'

/** Sleeping advances the clock immediately: hours pass in no time, and nothing else runs meanwhile. */
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

/** Where a source fails: when it is asked where to start, when a read is opened, or after one batch. */
const places = ['start', 'opening', 'batch'] as const

/** Fails with the errors of the list, always at the same place, and stops the follower at its end. */
class FailingSource implements ChangeSource {
  readonly triedAt: number[] = []
  readonly #clock: Clock
  readonly #codes: ChangeStreamErrorCode[]
  readonly #place: (typeof places)[number]
  ended: () => void = () => undefined

  constructor(
    clock: Clock,
    codes: readonly ChangeStreamErrorCode[],
    place: (typeof places)[number] = 'opening',
  ) {
    this.#clock = clock
    this.#codes = [...codes]
    this.#place = place
  }

  wallTimeMs(): undefined {
    return undefined
  }

  start(): Promise<Origin> {
    const source = parseSourceId('00000001')
    if (source === undefined) throw new Error('expected a source')
    if (this.#place === 'start' && this.#codes.length > 0) {
      this.triedAt.push(this.#clock.now())
      return Promise.reject(new ChangeStreamError(this.#codes.shift() ?? 'ENDED', 'by the test'))
    }
    return Promise.resolve({ source, at: positionOf(1, this.triedAt.length) })
  }

  async *read({ at }: Origin): AsyncGenerator<Batch, void> {
    this.triedAt.push(this.#clock.now())
    const code = this.#codes.shift()
    if (code === undefined) return this.ended()
    if (this.#place === 'batch') yield { changes: [], through: at, provedAt: 0, aliveAt: 0 }
    throw new ChangeStreamError(code, 'by the test')
  }
}

async function follow(
  codes: readonly ChangeStreamErrorCode[],
  {
    place = 'opening',
    pace = defaultPace,
  }: { readonly place?: (typeof places)[number]; readonly pace?: PaceOptions } = {},
): Promise<{ readonly source: FailingSource; readonly heard: Recorder }> {
  const clock = new JumpingClock()
  const source = new FailingSource(clock, codes, place)
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

/** The highest number of attempts in any one second. */
function mostInASecond(times: readonly number[]): number {
  return Math.max(...times.map((from) => times.filter((time) => time >= from && time < from + 1_000).length))
}

const hundred = (code: ChangeStreamErrorCode): readonly ChangeStreamErrorCode[] =>
  Array.from({ length: 100 }, () => code)
const everyCode: Readonly<Record<ChangeStreamErrorCode, ChangeStreamErrorCode>> = {
  DISCONNECTED: 'DISCONNECTED',
  ENDED: 'ENDED',
  HISTORY_LOST: 'HISTORY_LOST',
  EVENT_TOO_LARGE: 'EVENT_TOO_LARGE',
  TOO_FAR_BEHIND: 'TOO_FAR_BEHIND',
  SOURCE_CHANGED: 'SOURCE_CHANGED',
  SOURCE_UNKNOWN: 'SOURCE_UNKNOWN',
  POSITION_UNAVAILABLE: 'POSITION_UNAVAILABLE',
  TOO_LARGE: 'TOO_LARGE',
  CONTENT_UNKNOWN: 'CONTENT_UNKNOWN',
  DENIED: 'DENIED',
  UNSUPPORTED: 'UNSUPPORTED',
}
const loops = Object.values(everyCode).flatMap((code) => places.map((place) => [code, place] as const))

test.each(loops)(
  'F14 nothing loops faster than once a second if %s recurs at the %s',
  async (code, place) => {
    const { source } = await follow(hundred(code), { place })
    expect(source.triedAt).toHaveLength(101)
    // The first attempt after a single loss is made at once.
    expect(mostInASecond(source.triedAt.slice(2))).toBe(1)
  },
)

test('F14 the same test detects a follower that does not wait', async () => {
  const pace = { firstMs: 50, maxMs: 400, spreadMs: 10 }
  const { source } = await follow(hundred('DISCONNECTED'), { pace })
  expect(mostInASecond(source.triedAt.slice(2))).toBeGreaterThan(1)
})

test('F14 a feed that ran for long is reopened within the jitter', async () => {
  const clock = new JumpingClock()
  const source = new FailingSource(clock, ['DISCONNECTED'])
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
  expect(source.triedAt).toEqual([60_000, 120_000 + defaultPace.spreadMs])
})

test('F4 after a broken connection it resumes, after a lost history it starts a new epoch', async () => {
  const { heard } = await follow(['DISCONNECTED', 'ENDED', 'HISTORY_LOST', 'DISCONNECTED'])
  expect(heard.errors).toEqual(['DISCONNECTED', 'ENDED', 'HISTORY_LOST', 'DISCONNECTED'])
  expect(heard.origins).toHaveLength(2)
})

test('F6 nothing is emitted after the stop, however late the source answers', async () => {
  let answer: (origin: Origin) => void = () => undefined
  const started = new Promise<Origin>((resolve) => {
    answer = resolve
  })
  const clock = new JumpingClock()
  const source = new FailingSource(clock, [])
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
