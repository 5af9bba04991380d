import { ABSENT, Cache, type Fill, type FillDecision, type FillOutcome, type Value } from '@freshet/cache'
import type { Batch, Origin, SourceReply } from '@freshet/change-stream'
import type { Change, Id, Position } from '@freshet/protocol'
import type { FeedSide } from './bench.ts'
import type { History } from './history.ts'
import { ScriptedReads } from './scripted-reads.ts'

/** A fill's read wins over what the feed said meanwhile. */
export class FillOverwritesEvent<V extends Value> extends Cache<V> {
  override applyOutcome(fill: Fill<V>, outcome: FillOutcome<V>, now: Position): FillDecision<V> {
    if (outcome.kind === 'exact') fill.latest = undefined
    return super.applyOutcome(fill, outcome, now)
  }
}

/** After lost history W jumps first and the entries go later: there is an await between. */
export class ClearsLater<V extends Value> extends Cache<V> {
  protected readonly laterMs: number = 1

  override newEpoch(): void {
    setTimeout(() => super.newEpoch(), this.laterMs)
  }
}

/** The same, so late that a real server has proved the new position before. */
export class ClearsMuchLater<V extends Value> extends ClearsLater<V> {
  protected override readonly laterMs = 100
}

/** After lost history the old entries go on to count. */
export class KeepsAcrossGaps<V extends Value> extends Cache<V> {
  override newEpoch(): void {}
}

/** An update without content leaves what passed by before where it is. */
export class RecallsTheInvalidated<V extends Value> extends Cache<V> {
  override invalidate(key: string): void {
    const old = this.getRecent(key)
    const kept = old && Buffer.from(old)
    super.invalidate(key)
    if (kept) this.putRecent(key, kept)
  }
}

/** What was read at w0 answers nobody once it was overtaken: it is read again for ever. */
export class NeverAnswersFromThePast<V extends Value> extends Cache<V> {
  override mayAnswer(): boolean {
    return false
  }
}

/** An update without content (a null post-image) is taken for a delete. */
export class TakesNullAsAbsent<V extends Value> extends Cache<V> {
  override invalidate(key: string): void {
    super.upsert(key, ABSENT)
  }
}

/** What was read at w0 answers everybody, also who has seen more or asked for more. */
export class AnswersBelowTheFloor<V extends Value> extends Cache<V> {
  override mayAnswer(): boolean {
    return true
  }
}

/** Keys of a running answer may be evicted. */
export class IgnoresPins<V extends Value> extends Cache<V> {
  override pin(): void {}
  override unpin(): void {}
}

/** What is evicted ends its fill: a document that does not stay is never there. */
export class EvictionAbortsFills<V extends Value> extends Cache<V> {
  override applyOutcome(fill: Fill<V>, outcome: FillOutcome<V>, now: Position): FillDecision<V> {
    const decision = super.applyOutcome(fill, outcome, now)
    if (decision.kind !== 'install' || this.peek(fill.key) !== undefined) return decision
    return { kind: 'wait-after', position: now }
  }
}

/** A fill's read is taken for the state at its position, but it is the state of whenever the server looked. */
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

/** A reply that names no position, as of a dropped collection, is taken for "there are none". */
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
