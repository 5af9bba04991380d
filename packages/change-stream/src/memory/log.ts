import { POSITION_ZERO, type Position } from '@freshet/protocol'
import type { Origin } from '../contract.ts'
import { ChangeStreamError } from '../errors.ts'
import type { MemoryWrite } from './history.ts'
import { MemorySource } from './source.ts'

/**
 * A log in memory: it tells every document from the first one on, each change with the whole content, and there is
 * nothing to read beside it.
 */
export class MemoryLog extends MemorySource {
  override commit(writes: readonly MemoryWrite[]): Position {
    return super.commit(
      writes.map((write) => (write.kind === 'invalidate' ? { ...write, kind: 'upsert' } : write)),
    )
  }

  /** Before the first change, whenever it is asked for. */
  override async start(): Promise<Origin> {
    return { ...(await super.start()), at: POSITION_ZERO }
  }

  /** Cuts, and whoever stood anywhere begins anew: the log still has all from its first change on. */
  override loseHistory(): void {
    this.cut(new ChangeStreamError('HISTORY_LOST', 'the place in the log was forgotten'))
  }
}
