import { expect, test } from '@jest/globals'
import type { ClusterTime } from '../src/cluster-time.ts'
import { FreshnessProof, type Evidence } from '../src/freshness-proof.ts'

const never = Number.NEGATIVE_INFINITY
const time = (low: number): ClusterTime => ({ high: 1, low })

/** A reply without events: nothing was newer when the command was sent. */
const empty = (sentAt: number, newest: number): Evidence => ({
  sentAt,
  operationTime: time(newest),
  empty: true,
  fresh: false,
})
/** A reply with new events. */
const full = (sentAt: number, newest: number): Evidence => ({
  ...empty(sentAt, newest),
  empty: false,
  fresh: true,
})

test('F12 changes of a backlog are no heartbeat: they may predate the partition of the primary', () => {
  const proof = new FreshnessProof()
  for (let n = 1; n <= 3; n += 1) proof.take(full(n * 100, 9), time(n))
  expect([proof.aliveAt, proof.provedAt]).toEqual([never, never])
  proof.take(full(400, 9), time(9))
  expect([proof.aliveAt, proof.provedAt]).toEqual([never, 400])
  for (let n = 5; n <= 7; n += 1) proof.take(empty(n * 100, 9), time(9))
  expect([proof.aliveAt, proof.provedAt]).toEqual([never, 700])
})

test('F12 a change after the last proof shows that the primary was alive at that proof, but not later', () => {
  const proof = new FreshnessProof()
  proof.take(empty(100, 1), time(1))
  proof.take(full(200, 3), time(2))
  expect(proof.aliveAt).toBe(100)
  // The rest of the same backlog.
  proof.take(full(300, 3), time(3))
  expect([proof.aliveAt, proof.provedAt]).toEqual([100, 300])
  proof.take(full(400, 4), time(4))
  expect(proof.aliveAt).toBe(300)
})
