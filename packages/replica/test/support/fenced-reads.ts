import type { SourceReply } from '@freshet/change-stream'
import { lowOf, type Id, type Position } from '@freshet/protocol'
import type { History } from './history.ts'
import type { Random } from './random.ts'
import { ScriptedReads } from './scripted-reads.ts'

/**
 * A source without reads at a position: a read sees some later state, and now and then one older than what the feed has
 * delivered.
 */
export class FencedReads extends ScriptedReads {
  readonly #random: Random

  constructor(history: History, random: Random) {
    super(history)
    this.#random = random
  }

  override answer(history: History, position: Position, collection: string, ids: readonly Id[]): SourceReply {
    const n = lowOf(position)
    // Commits reach the feed before they are visible to every read.
    const seen = Math.max(0, n - 2) + this.#random.int(history.now - Math.max(0, n - 2) + 1)
    if (seen < n) return this.behind(history, seen, collection, ids)
    return {
      kind: 'fenced',
      documents: this.documents(history, seen, collection, ids),
      until: history.position,
    }
  }

  /** The reply for a state older than the position. */
  protected behind(_history: History, _seen: number, _collection: string, _ids: readonly Id[]): SourceReply {
    return { kind: 'behind-feed' }
  }
}

/** Does not check whether a read includes what the feed has delivered. */
export class ForgetsTheLowerBound extends FencedReads {
  protected override behind(
    history: History,
    seen: number,
    collection: string,
    ids: readonly Id[],
  ): SourceReply {
    return {
      kind: 'fenced',
      documents: this.documents(history, seen, collection, ids),
      until: history.position,
    }
  }
}

/** A read is treated as the state at its position. */
export class ForgetsTheFence extends FencedReads {
  override answer(history: History, position: Position, collection: string, ids: readonly Id[]): SourceReply {
    const reply = super.answer(history, position, collection, ids)
    return reply.kind === 'fenced' ? { kind: 'exact', documents: reply.documents } : reply
  }
}
