import { expect } from '@jest/globals'
import { setTimeout as pause } from 'node:timers/promises'
import type { ChangeSource } from '@freshet/change-stream'
import { eventually, type TestDatabase } from '@freshet/testkit'
import type { Replica } from '../../../src/contract.ts'
import { copied } from '../delays.ts'

/** A fault injector that runs alongside writers and readers until the signal aborts. */
export type Disturbance = (db: TestDatabase, replica: Replica<Buffer>, signal: AbortSignal) => Promise<void>

/** Resolves when the replica has made enough progress, or the signal aborts. */
async function until(done: () => boolean, signal: AbortSignal): Promise<void> {
  await eventually(() => expect(signal.aborted || done()).toBe(true))
}

/** Repeatedly loses the replica's history, each time after it has recovered and answered many reads. */
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

/** Drops a collection more often than the writers do, with enough changes in between that the replica can read it. */
export const dropsOften: Disturbance = async (db, replica, signal) => {
  const scratch = db.admin.db(db.database).collection('scratch')
  while (!signal.aborted) {
    await scratch.drop()
    const { changesApplied } = replica.status()
    await until(() => replica.status().changesApplied > changesApplied + 400, signal)
  }
}

/** Runs several disturbances. */
export function together(...all: readonly Disturbance[]): Disturbance {
  return async (...parts) => {
    await Promise.all(all.map((one) => one(...parts)))
  }
}

/**
 * Delays the drop event of a collection, and W with it, so that reads see the drop first. The delay is the fault; nothing
 * waits for it.
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
