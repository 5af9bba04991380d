import { expect, test } from '@jest/globals'
import type { ClusterTime } from '../src/cluster-time.ts'
import { Proof, type Evidence } from '../src/proof.ts'

const never = Number.NEGATIVE_INFINITY
const time = (low: number): ClusterTime => ({ high: 1, low })

/** A reply without events, which proves that there was nothing newer when it was asked for. */
const empty = (sentAt: number, newest: number): Evidence => ({
  sentAt,
  operationTime: time(newest),
  empty: true,
  fresh: false,
})
/** A reply with events that had not been seen before. */
const full = (sentAt: number, newest: number): Evidence => ({
  ...empty(sentAt, newest),
  empty: false,
  fresh: true,
})

test('F12 changes of a backlog are no sign of life: they may all have been there before the primary was cut off', () => {
  const proof = new Proof()
  for (let n = 1; n <= 3; n += 1) proof.take(full(n * 100, 9), time(n))
  expect([proof.aliveAt, proof.provedAt]).toEqual([never, never])
  proof.take(full(400, 9), time(9))
  expect([proof.aliveAt, proof.provedAt]).toEqual([never, 400])
  for (let n = 5; n <= 7; n += 1) proof.take(empty(n * 100, 9), time(9))
  expect([proof.aliveAt, proof.provedAt]).toEqual([never, 700])
})

test('F12 a change that was not there at the last proof shows that it was alive at that proof, and no later', () => {
  const proof = new Proof()
  proof.take(empty(100, 1), time(1))
  proof.take(full(200, 3), time(2))
  expect(proof.aliveAt).toBe(100)
  // The rest of the same backlog.
  proof.take(full(300, 3), time(3))
  expect([proof.aliveAt, proof.provedAt]).toEqual([100, 300])
  proof.take(full(400, 4), time(4))
  expect(proof.aliveAt).toBe(300)
})
