import { ABSENT, Cache, type Fill, type FillDecision, type FillOutcome, type Value } from '@freshet/cache'
import type { Batch, Origin, SourceReply } from '@freshet/change-stream'
import type { Change, Id, Position } from '@freshet/protocol'
import type { FeedSide } from './bench.ts'
import type { History } from './history.ts'
import { ScriptedReads } from './scripted-reads.ts'

/** The read of a fill overwrites the feed's later state. */
export class FillOverwritesEvent<V extends Value> extends Cache<V> {
  override applyOutcome(fill: Fill<V>, outcome: FillOutcome<V>, now: Position): FillDecision<V> {
    if (outcome.kind === 'exact') fill.latest = undefined
    return super.applyOutcome(fill, outcome, now)
  }
}

/** After lost history W moves first and the entries are cleared later, after an await. */
export class ClearsLater<V extends Value> extends Cache<V> {
  protected readonly laterMs: number = 1

  override newEpoch(): void {
    setTimeout(() => super.newEpoch(), this.laterMs)
  }
}

/** The same, so late that a real server has proved the new position and many reads have been answered. */
export class ClearsMuchLater<V extends Value> extends ClearsLater<V> {
  protected override readonly laterMs = 2_000
}

/** Old entries survive lost history. */
export class KeepsAcrossGaps<V extends Value> extends Cache<V> {
  override newEpoch(): void {}
}

/** A recent document survives an update without content. */
export class RecallsTheInvalidated<V extends Value> extends Cache<V> {
  override invalidate(key: string): void {
    const old = this.getRecent(key)
    const kept = old && Buffer.from(old)
    super.invalidate(key)
    if (kept) this.putRecent(key, kept)
  }
}

/** An overtaken read never answers anyone: it is retried forever. */
export class NeverAnswersFromThePast<V extends Value> extends Cache<V> {
  override mayAnswer(): boolean {
    return false
  }
}

/** An update without content (a null post-image) is treated as a delete. */
export class TakesNullAsAbsent<V extends Value> extends Cache<V> {
  override invalidate(key: string): void {
    super.upsert(key, ABSENT)
  }
}

/** An overtaken read answers every caller, even those with a later floor. */
export class AnswersBelowTheFloor<V extends Value> extends Cache<V> {
  override mayAnswer(): boolean {
    return true
  }
}

/** Keys of an incomplete answer may be evicted. */
export class IgnoresPins<V extends Value> extends Cache<V> {
  override pin(): void {}
  override unpin(): void {}
}

/** An eviction aborts its fill: a document that does not fit is never answered. */
export class EvictionAbortsFills<V extends Value> extends Cache<V> {
  override applyOutcome(fill: Fill<V>, outcome: FillOutcome<V>, now: Position): FillDecision<V> {
    const decision = super.applyOutcome(fill, outcome, now)
    if (decision.kind !== 'install' || this.peek(fill.key) !== undefined) return decision
    return { kind: 'wait-after', position: now }
  }
}

/** A read is treated as the state at its position, although it is the state at the time the server read it. */
export class ReadsTheNewest extends ScriptedReads {
  override answer(
    history: History,
    _position: Position,
    collection: string,
    ids: readonly Id[],
  ): SourceReply {
    return { kind: 'exact', documents: this.documents(history, history.now, collection, ids) }
  }
}

/** A reply without a position, as for a dropped collection, is treated as absence. */
export class TakesSilenceAsAbsence extends ScriptedReads {
  override answer(history: History, position: Position, collection: string, ids: readonly Id[]): SourceReply {
    const answer = super.answer(history, position, collection, ids)
    return answer.kind === 'fenced' ? { kind: 'exact', documents: new Map() } : answer
  }
}

/** W moves with the first change of a position instead of with the last: transactions are torn. */
export function movesPerEvent(feed: FeedSide): FeedSide {
  return {
    begin: (origin: Origin) => feed.begin(origin),
    broken: (error: Error) => feed.broken(error),
    apply: (batch: Batch) => {
      const [first, ...rest] = batch.changes.map((change: Change) =>
        change.kind === 'upsert' ? { ...change, document: Buffer.from(change.document) } : change,
      )
      feed.apply({ ...batch, changes: first ? [first] : [] })
      if (rest.length > 0) setImmediate(() => feed.apply({ ...batch, changes: rest }))
    },
  }
}
