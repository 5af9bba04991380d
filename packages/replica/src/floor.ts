import type { Position, SourceId } from '@freshet/protocol'
import { ReplicaError } from './errors.ts'
import type { Watermark } from './watermark.ts'

/** The state that a read starts from: nothing older may be answered, and nothing of another source. */
export interface Floor {
  readonly position: Position
  readonly source: SourceId
}

/** @throws {ReplicaError} UNAVAILABLE: documents of two databases are never one answer. */
export function expectSource(watermark: Watermark, { source }: Floor): void {
  if (watermark.source === source) return
  throw new ReplicaError('UNAVAILABLE', 'the database was replaced by another during the read')
}

export const fillTimeout = (): ReplicaError =>
  new ReplicaError('UNAVAILABLE', 'the source did not answer in time')
