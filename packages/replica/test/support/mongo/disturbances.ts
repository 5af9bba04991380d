import { expect } from '@jest/globals'
import { setTimeout as pause } from 'node:timers/promises'
import type { ChangeSource } from '@freshet/change-stream'
import { eventually, type TestDatabase } from '@freshet/testkit'
import type { Replica } from '../../../src/contract.ts'
import { copied } from './delays.ts'

/** What runs beside writers and readers until the signal. */
export type Disturbance = (db: TestDatabase, replica: Replica<Buffer>, signal: AbortSignal) => Promise<void>

/** Settles when the replica has done so much more, or the signal aborts. */
async function until(done: () => boolean, signal: AbortSignal): Promise<void> {
  await eventually(() => expect(signal.aborted || done()).toBe(true))
}

/** Tells the replica again and again that its history is gone, each time when it has come back and answered much. */
export const losesHistory: Disturbance = async (db, replica, signal) => {
  const data = { failCommands: ['getMore'], errorCode: 286, appName: 'stress' }
  const answered = (): number => replica.status().hits + replica.status().misses
  for (;;) {
    const before = answered()
    await until(() => answered() > before + 2_000, signal)
    if (signal.aborted) return
    const { epoch } = replica.status()
    const failing = await db.failPoint('failCommand', { times: 1 }, data)
    await until(() => replica.status().epoch > epoch, signal)
    await failing[Symbol.asyncDispose]()
  }
}

/** Drops a collection more often than the writers do: each time when the replica has heard of so many changes: between two of them it must be able to read it. */
export const dropsOften: Disturbance = async (db, replica, signal) => {
  const scratch = db.admin.db(db.database).collection('scratch')
  while (!signal.aborted) {
    await scratch.drop()
    const { changesApplied } = replica.status()
    await until(() => replica.status().changesApplied > changesApplied + 400, signal)
  }
}

/** Runs several. */
export function together(...all: readonly Disturbance[]): Disturbance {
  return async (...parts) => {
    await Promise.all(all.map((one) => one(...parts)))
  }
}

/**
 * News of a dropped collection come late by so much, and W with them: reads see sooner that it is gone. The delay is
 * the fault itself; nothing waits for it.
 */
export function tellsDropsLate(byMs: number): (inner: ChangeSource) => ChangeSource {
  return (inner) => ({
    wallTimeMs: (position) => inner.wallTimeMs(position),
    start: (signal) => inner.start(signal),
    async *read(origin, signal) {
      for await (const batch of inner.read(origin, signal)) {
        const kept = { ...batch, changes: batch.changes.map(copied) }
        if (kept.changes.some(({ kind }) => kind === 'drop-collection')) await pause(byMs)
        yield kept
      }
    },
  })
}
