import { expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import { KeptLog } from '@freshet/testkit'
import { Proofs } from '../src/proofs.ts'

const WITHIN_MS = 10_000

/** A log that is read to its end at a time; `beats` if it has a heartbeat by then, `record` if something came. */
class Watched {
  readonly #kept = new KeptLog()
  #now = 0
  readonly proofs = new Proofs(
    { clock: { ...systemClock, now: () => this.#now, wallMs: () => this.#now }, log: this.#kept },
    WITHIN_MS,
  )

  at(now: number, { beats = false, record = false } = {}): readonly string[] {
    this.#now = now
    const records = record ? [{ offset: 0, key: undefined, value: undefined, timestampMs: now }] : []
    this.proofs.seen({ records })
    this.proofs.ended(now, beats)
    return this.#kept.lines.map(({ message }) => /no [a-z ]+/.exec(message)?.[0] ?? message)
  }
}

test('L10 missing heartbeats are reported once, after the time that they are given', () => {
  const log = new Watched()
  expect(log.at(100_000)).toEqual([])
  expect(log.at(110_000)).toEqual([])
  expect(log.at(110_001)).toEqual(['no heartbeats'])
  expect(log.at(111_000, { record: true })).toEqual(['no heartbeats'])
  expect(log.at(122_000)).toEqual(['no heartbeats'])
})

test('L10 each silence of a log with heartbeats is reported once', () => {
  const log = new Watched()
  const beats = true
  expect(log.at(100_000, { beats })).toEqual([])
  expect(log.at(109_000, { beats, record: true })).toEqual([])
  expect(log.at(119_000, { beats })).toEqual([])
  expect(log.at(119_001, { beats })).toEqual(['no new records'])
  expect(log.at(130_000, { beats })).toEqual(['no new records'])
  expect(log.at(131_000, { beats, record: true })).toEqual(['no new records'])
  expect(log.at(141_001, { beats })).toEqual(['no new records', 'no new records'])
})
