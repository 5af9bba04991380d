import { expect } from '@jest/globals'
import { setTimeout as pause } from 'node:timers/promises'
import type { ChangeSource } from '@freshet/change-stream'
import { eventually, type TestDatabase } from '@freshet/testkit'
import type { Replica } from '../../../src/contract.ts'
import { copied } from './delays.ts'

/** What runs beside writers and readers until the signal. */
export type Disturbance = (db: TestDatabase, replica: Replica<Buffer>, signal: AbortSignal) => Promise<void>

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal }).catch(() => undefined)
}

/** Tells the replica again and again that its history is gone, each time when it has come back. */
export const losesHistory: Disturbance = async (db, replica, signal) => {
  const data = { failCommands: ['getMore'], errorCode: 286, appName: 'stress' }
  for (;;) {
    // Two losses within a second are taken for a loop, and the second one waits.
    await sleep(1_100, signal)
    if (signal.aborted) return
    const { epoch } = replica.status()
    const failing = await db.failPoint('failCommand', { times: 1 }, data)
    await eventually(() => expect(signal.aborted || replica.status().epoch > epoch).toBe(true))
    await failing[Symbol.asyncDispose]()
  }
}

/** Drops a collection more often than the writers do. */
export const dropsOften: Disturbance = async (db, _replica, signal) => {
  const scratch = db.admin.db(db.database).collection('scratch')
  while (!signal.aborted) {
    await scratch.drop()
    await sleep(100, signal)
  }
}

/** Runs several. */
export function together(...all: readonly Disturbance[]): Disturbance {
  return async (...parts) => {
    await Promise.all(all.map((one) => one(...parts)))
  }
}

/** News of a dropped collection come late by so much, and W with them: reads see sooner that it is gone. */
export function tellsDropsLate(byMs: number): (inner: ChangeSource) => ChangeSource {
  return (inner) => ({
    start: (signal) => inner.start(signal),
    async *read(origin, signal) {
      for await (const batch of inner.read(origin, signal)) {
        const kept = { ...batch, changes: batch.changes.map(copied) }
        if (kept.changes.some(({ kind }) => kind === 'namespace-gone')) await pause(byMs)
        yield kept
      }
    },
  })
}
