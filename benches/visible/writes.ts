import { positionOf, type Position } from '@freshet/protocol'
import { Timestamp, type Db, type Document } from 'mongodb'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { orderOf } from '../orders/documents.ts'
import { collection, sharedNow } from './world.ts'

/** A write, and when its acknowledgement arrived. */
export interface Acknowledged {
  readonly position: Position
  readonly mark: string
  readonly at: number
}

const keys = Array.from({ length: 1_000 }, () => randomUUID())

/**
 * Replaces documents of 300 bytes at a constant rate, whether or not earlier writes were acknowledged. Uses majority
 * writes, like the writer.
 */
export async function writeEvenly(
  db: Db,
  perSecond: number,
  seconds: number,
): Promise<readonly Acknowledged[]> {
  const running: Promise<Acknowledged>[] = []
  const began = performance.now()
  for (let i = 0; i < perSecond * seconds; i++) {
    const early = began + (i * 1_000) / perSecond - performance.now()
    if (early > 1) await sleep(early)
    running.push(replaceOne(db, keys[i % keys.length] ?? '', randomUUID()))
  }
  return await Promise.all(running)
}

async function replaceOne(db: Db, id: string, mark: string): Promise<Acknowledged> {
  const reply = await db.command({
    update: collection,
    updates: [{ q: { _id: id }, u: { ...orderOf(id), mark }, upsert: true }],
    writeConcern: { w: 'majority', j: true },
  })
  return { position: positionIn(reply), mark, at: sharedNow() }
}

function positionIn(reply: Document): Position {
  const time: unknown = reply['operationTime']
  if (reply['n'] !== 1 || !(time instanceof Timestamp)) throw new Error('the write was not taken')
  return positionOf(time.getHighBitsUnsigned(), time.getLowBitsUnsigned())
}
