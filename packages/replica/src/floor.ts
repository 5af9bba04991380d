import type { Position, SourceId } from '@freshet/protocol'
import { ReplicaError } from './errors.ts'
import type { Watermark } from './watermark.ts'

/** The oldest state that may answer a read, and its source. */
export interface Floor {
  readonly position: Position
  readonly source: SourceId
}

/** @throws {ReplicaError} UNAVAILABLE: one answer never mixes documents of two databases. */
export function expectSource(watermark: Watermark, { source }: Floor): void {
  if (watermark.source === source) return
  throw new ReplicaError('UNAVAILABLE', 'the database was replaced during the read')
}

export const fillTimeout = (): ReplicaError =>
  new ReplicaError('UNAVAILABLE', 'the source did not reply in time')
