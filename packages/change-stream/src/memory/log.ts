import { POSITION_ZERO, type Position } from '@freshet/protocol'
import type { Origin } from '../contract.ts'
import { ChangeStreamError } from '../errors.ts'
import type { MemoryWrite } from './history.ts'
import { MemorySource } from './source.ts'

/**
 * An in-memory log: emits every document from the first one, each change with its complete content, and has no reads.
 */
export class MemoryLog extends MemorySource {
  override commit(writes: readonly MemoryWrite[]): Position {
    return super.commit(
      writes.map((write) => (write.kind === 'invalidate' ? { ...write, kind: 'upsert' } : write)),
    )
  }

  /** Always before the first change. */
  override async start(): Promise<Origin> {
    return { ...(await super.start()), at: POSITION_ZERO }
  }

  /** Cuts the connection and invalidates all positions. A new start is possible: the log still has all changes. */
  override loseHistory(): void {
    this.cut(new ChangeStreamError('HISTORY_LOST', 'the place in the log was forgotten'))
  }
}
